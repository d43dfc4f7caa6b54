"use strict";

// The theme: the system's, dark or light, kept where the browser allows it.
const Theme = (() => {
  const root = document.documentElement;
  const key = "influence-report-theme";
  const following = { system: "dark", dark: "light", light: "system" };

  const kept = () => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  };

  const keep = (theme) => {
    try {
      localStorage.setItem(key, theme);
    } catch {
      // A browser that keeps nothing still shows the theme.
    }
  };

  const current = () => root.dataset.theme ?? "system";

  function set(theme) {
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
    document.querySelector("#theme").textContent = theme;
  }

  function next() {
    const theme = following[current()];
    set(theme);
    keep(theme);
  }

  root.classList.add("js");
  if (kept() in following) set(kept());
  document.querySelector("#theme").addEventListener("click", next);
  return { next };
})();
