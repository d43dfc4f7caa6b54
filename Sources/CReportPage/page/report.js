// What the page does beyond being read: choosing queries and methods, searching, cutting the list of suspects.
(() => {
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const data = JSON.parse(one("#data").textContent);
  const filled = Mustache(data.templates);
  const { common, keys, queries, examples, suspects } = data;
  const parts = all("section.part").map((section) => section.id);
  const say = (text) => {
    one("#said").textContent = text;
  };
  const matches = (text, wanted) => text.toLowerCase().includes(wanted);
  const whole = (text) => (text ? text.head + (text.rest || "") : "");

  // ---- Suspects: the flagged ones are the first `flaggedCount` of the list.

  let flaggedCount = suspects ? suspects.k : 0;
  const suspectPlaces = new Map(suspects ? suspects.rows.map((row, place) => [row.i, place]) : []);
  const isFlagged = (row) => suspectPlaces.has(row) && suspectPlaces.get(row) < flaggedCount;

  // ---- Contexts of the templates, made of the data as the server makes them.

  const nothing = {
    text: false, label: false, id: false, loss: false, words: false, found: false, meaning: false, unlike: false,
    steady: false,
  };

  function cardContext(hit) {
    const shares = hit.l ?? [];
    const layers = shares.flatMap((share, place) =>
      share === 0
        ? []
        : [{
            ...common.layerNames[place],
            c: share < 0 ? "m" : "p",
            f: Math.abs(share),
            v: `${share < 0 ? "−" : "+"}${Math.abs(share)} %`,
          }]);
    return {
      ...nothing,
      ...examples[hit.i],
      ...hit,
      layers,
      ranks: common.methodNames.map(({ name }, place) => ({ name, r: hit.r[place] })),
      suspected: suspectPlaces.has(hit.i),
      flagged: isFlagged(hit.i),
    };
  }

  function articleContext(query, method) {
    const result = query.results[method];
    const { results, ...about } = query;
    return {
      ...common,
      ...about,
      ...result,
      key: keys[method],
      methods: common.methodNames.map(({ key, name }, place) => ({ key, name, on: String(place === method) })),
      helped: result.helped.map(cardContext),
      hurt: result.hurt.map(cardContext),
    };
  }

  // ---- Parts of the page

  function showPart(id) {
    for (const section of all("section.part")) section.classList.toggle("on", section.id === id);
    for (const link of all("nav.parts a")) {
      if (link.dataset.part === id) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  // ---- Queries

  let current = 0;
  let method = 0;
  let listed = queries.map((_, place) => place);

  function showQuery(place, newMethod = method) {
    current = place;
    method = newMethod;
    one("#article").innerHTML = filled("article", articleContext(queries[place], method));
    for (const link of all("#list a")) {
      if (Number(link.dataset.k) !== place) {
        link.removeAttribute("aria-current");
        continue;
      }
      link.setAttribute("aria-current", "true");
      const list = one("#list");
      const top = link.offsetTop - list.offsetTop;
      if (top < list.scrollTop || top + link.offsetHeight > list.scrollTop + list.clientHeight) {
        list.scrollTop = top - 60;
      }
    }
  }

  function isFound(query, wanted) {
    if (!wanted || String(query.row) === wanted || `q${query.row}` === wanted) return true;
    if (matches(query.text ? whole(query.text) : query.short, wanted)) return true;
    const { helped, hurt } = query.results[method];
    return [...helped, ...hurt].some((hit) => matches(whole(examples[hit.i]?.text), wanted));
  }

  function listQueries() {
    const wanted = one("#find").value.trim().toLowerCase();
    const onlyWrong = one("#wrong")?.checked ?? false;
    const order = one("#order").value;
    const size = (query) => query.results[method].size;
    listed = queries.map((_, place) => place)
      .filter((place) => (!onlyWrong || queries[place].miss) && isFound(queries[place], wanted));
    if (order === "row") listed.sort((first, second) => queries[first].row - queries[second].row);
    if (order === "largest") listed.sort((first, second) => size(queries[second]) - size(queries[first]));
    one("#list").innerHTML = listed.length
      ? listed.map((place) => filled("item", { ...queries[place], k: place, on: place === current })).join("")
      : '<li class="quiet">nothing matches</li>';
    one("#found").textContent = `${listed.length} of ${queries.length}`;
  }

  // ---- The list of suspects

  let column = "mean";
  let showsAll = false;

  const suspectContext = (row) => ({
    text: false, label: false, id: false, loss: false,
    ...examples[row.i],
    ...row,
    flip: row.flip && (one("#truth")?.checked ?? true),
  });

  function pickedSuspects() {
    const wanted = one("#filter").value.trim().toLowerCase();
    const label = one("#filter-label").value;
    const rows = suspects.rows.slice(0, showsAll ? suspects.rows.length : flaggedCount).filter((row) => {
      const example = examples[row.i] ?? {};
      const isNamed = !wanted || matches(whole(example.text), wanted) || `#${row.i}` === wanted
        || (example.id && matches(example.id, wanted));
      const isLabelled = label === "" || (label === "other" ? row.other : example.label === label.slice(1));
      return isNamed && isLabelled;
    });
    if (column !== "mean") {
      rows.sort((first, second) => Number(first.cells[column].v) - Number(second.cells[column].v) || first.k - second.k);
    }
    return rows;
  }

  function listSuspects() {
    const rows = pickedSuspects();
    one("#suspect-rows").innerHTML = rows.length
      ? rows.map((row) => filled("suspect", suspectContext(row))).join("")
      : '<tr><td class="text" colspan="4">nothing matches</td></tr>';
    one("#shown").textContent = `${rows.length} shown`;
    for (const head of all("#suspect-table th[data-column]")) {
      if (head.dataset.column === String(column)) head.setAttribute("aria-sort", "ascending");
      else head.removeAttribute("aria-sort");
    }
    one("#all").textContent = showsAll ? "show only the flagged" : `show all ${suspects.rows.length}`;
  }

  function cut(count) {
    flaggedCount = count;
    const slider = one("#cut");
    slider.value = count;
    slider.setAttribute("aria-valuetext", `${count} flagged`);
    one("#cut-count").textContent = count;
    one("#cut-noun").textContent = count === 1 ? "label flagged" : "labels flagged";
    one("#tab-suspects").textContent = count;
    const place = 600 * count / suspects.rows.length;
    one("#cut-area").setAttribute("width", place);
    one("#cut-line").setAttribute("x1", place);
    one("#cut-line").setAttribute("x2", place);
    if (suspects.total !== false) {
      const hits = suspects.rows.slice(0, count).filter((row) => row.flip).length;
      const share = (part, of) => `${Math.round(100 * part / Math.max(1, of))} %`;
      one("#cut-hits").textContent = count === 0
        ? ""
        : `${hits} ${hits === 1 ? "is a known wrong label" : "are known wrong labels"}: `
          + `${share(hits, count)} of the flagged, ${share(hits, suspects.total)} of all ${suspects.total}.`;
    }
    for (const flag of all("[data-flag]")) flag.hidden = !isFlagged(Number(flag.dataset.flag));
  }

  // RFC 4180: fields with a comma, a quote or a line break in quotes, quotes doubled, lines ended by CR LF.
  function csv() {
    const quoted = (field) => (/[",\n\r]/.test(field) ? `"${String(field).replaceAll('"', '""')}"` : String(field));
    const knows = suspects.total !== false;
    const heads = ["place", "example", "id", "text", "label", "suggested", "high_in",
      ...suspects.rankings.map((name) => `${name}_place`), "mean_place", ...(knows ? ["known_wrong"] : [])];
    const lines = pickedSuspects().map((row) => {
      const example = examples[row.i] ?? {};
      return [row.k, row.i, example.id || "", whole(example.text), example.label || "", row.suggested || "", row.high,
        ...row.cells.map((cell) => cell.v), row.mean, ...(knows ? [row.flip ? 1 : 0] : [])];
    });
    return [heads, ...lines].map((line) => `${line.map(quoted).join(",")}\r\n`).join("");
  }

  function save() {
    const text = csv();
    const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    const link = document.createElement("a");
    link.href = address;
    link.download = "suspects.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
    say(`${pickedSuspects().length} rows saved as suspects.csv`);
  }

  function showSuspect(row) {
    one("#filter").value = "";
    one("#filter-label").value = "";
    if (!isFlagged(row)) showsAll = true;
    listSuspects();
    const line = document.getElementById(`s${row}`);
    if (!line) return;
    line.classList.add("chosen");
    line.scrollIntoView({ block: "center" });
  }

  // ---- Addresses: #q50, #q50/datainf, #suspects, #suspects/262, #trust

  function route() {
    const [first, second] = location.hash.slice(1).split("/");
    const row = /^q(\d+)$/.exec(first)?.[1];
    const place = row === undefined ? -1 : queries.findIndex((query) => query.row === Number(row));
    if (place >= 0) {
      showPart("queries");
      const named = keys.indexOf(second);
      showQuery(place, named < 0 ? method : named);
    } else if (parts.includes(first)) {
      showPart(first);
      if (first === "suspects" && /^\d+$/.test(second ?? "") && suspectPlaces.has(Number(second))) {
        showSuspect(Number(second));
      }
    } else {
      showPart(parts[0]);
    }
  }

  function go(address) {
    if (location.hash === address) route();
    else location.hash = address;
  }

  function chooseMethod(place) {
    method = place;
    history.replaceState(null, "", `#q${queries[current].row}/${keys[place]}`);
    showPart("queries");
    showQuery(current, place);
    listQueries();
  }

  // ---- Listening

  if (queries.length) {
    for (const selector of ["#find", "#wrong", "#order"]) one(selector)?.addEventListener("input", listQueries);
    one("#find").addEventListener("keydown", (event) => {
      if (event.key === "Enter" && listed.length) {
        go(`#q${queries[listed[0]].row}`);
        event.target.blur();
      }
      if (event.key === "Escape") {
        event.target.value = "";
        listQueries();
        event.target.blur();
      }
    });
    one("#article").addEventListener("click", (event) => {
      const button = event.target.closest("[data-method]");
      if (button) {
        chooseMethod(keys.indexOf(button.dataset.method));
        one(`[data-method="${CSS.escape(button.dataset.method)}"]`).focus();
      }
      const tick = event.target.closest(".axis i");
      if (tick) one(`.card[data-i="${tick.dataset.i}"]`).scrollIntoView({ block: "center" });
    });
    one("#article").addEventListener("mouseover", (event) => {
      const row = event.target.closest("[data-i]")?.dataset.i;
      for (const element of all("#article [data-i]")) element.classList.toggle("on", element.dataset.i === row);
    });
  }

  if (suspects) {
    one("#cut").addEventListener("input", (event) => {
      cut(Number(event.target.value));
      listSuspects();
    });
    for (const selector of ["#filter", "#filter-label", "#truth"]) one(selector)?.addEventListener("input", listSuspects);
    one("#all").addEventListener("click", () => {
      showsAll = !showsAll;
      listSuspects();
    });
    one("#suspect-table thead").addEventListener("click", (event) => {
      const head = event.target.closest("th[data-column]");
      if (!head) return;
      column = head.dataset.column;
      listSuspects();
    });
    one("#csv").addEventListener("click", save);
  }

  one("#copy").addEventListener("click", () => {
    const command = one("#command");
    navigator.clipboard.writeText(command.textContent)
      .then(() => say("copied"), () => getSelection().selectAllChildren(command));
  });

  // Hints stand beside what they are about, and are no more than its label says to a screen reader.
  const tip = one("#tip");
  addEventListener("mouseover", (event) => {
    const about = event.target.closest?.("[data-tip]");
    tip.hidden = !about;
    if (!about) return;
    tip.textContent = about.dataset.tip;
    const place = about.getBoundingClientRect();
    tip.style.left = `${Math.max(6, Math.min(innerWidth - tip.offsetWidth - 6, place.left))}px`;
    const below = place.bottom + 8;
    const top = below + tip.offsetHeight > innerHeight ? place.top - tip.offsetHeight - 8 : below;
    tip.style.top = `${top}px`;
  });
  addEventListener("scroll", () => {
    tip.hidden = true;
  }, { passive: true });

  // ---- Keys; single ones can be turned off (WCAG 2.1.4)

  const help = one("#keys");
  one("#help").addEventListener("click", () => help.showModal());
  one("#keys-close").addEventListener("click", () => help.close());

  function step(distance) {
    const place = listed.indexOf(current);
    const next = listed[Math.max(0, Math.min(listed.length - 1, place + distance))];
    if (next !== undefined) go(`#q${queries[next].row}`);
  }

  function search() {
    if (suspects && one("#suspects").classList.contains("on")) {
      one("#filter").focus();
    } else if (queries.length) {
      go(`#q${queries[current].row}`);
      one("#find").focus();
    }
  }

  const actions = {
    j: () => step(1),
    k: () => step(-1),
    "/": search,
    m: () => queries.length && chooseMethod((method + 1) % keys.length),
    t: Theme.next,
    "?": () => help.showModal(),
  };

  const takesText = (element) =>
    /^(INPUT|SELECT|TEXTAREA)$/.test(element.tagName) && element.type !== "range" && element.type !== "checkbox";

  addEventListener("keydown", (event) => {
    if (!one("#keys-on").checked || event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (takesText(event.target)) return;
    const part = parts[Number(event.key) - 1];
    const action = actions[event.key] ?? (part && (() => go(`#${part}`)));
    if (!action) return;
    event.preventDefault();
    action();
  });

  // ---- The beginning

  addEventListener("hashchange", route);
  if (queries.length) listQueries();
  if (suspects) {
    cut(flaggedCount);
    listSuspects();
  }
  route();
})();
