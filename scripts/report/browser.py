"""A headless Chromium that says what a page logs and asks for."""

import base64
import json
import time

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service


class Browser:
    """One window. Pages are files; whatever they ask of a network is kept in `requests()`."""

    def __init__(self, downloads=None, script=True):
        options = Options()
        options.binary_location = "/usr/bin/chromium"
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        settings = {}
        if not script:
            settings["profile.managed_default_content_settings.javascript"] = 2
        if downloads:
            settings["download.default_directory"] = str(downloads)
        if settings:
            options.add_experimental_option("prefs", settings)
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.resize(1400, 900)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()

    def resize(self, width, height, dark=False):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})

    def media(self, name):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": name})

    def open(self, page, address=""):
        self.driver.get(f"file://{page}{address}")

    def go(self, address):
        """Goes to another address of the page that is open."""
        self.js("location.hash = arguments[0]", address)
        time.sleep(0.1)

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def text(self, selector):
        return self.js("return document.querySelector(arguments[0])?.innerText ?? null", selector)

    def count(self, selector):
        return self.js("return document.querySelectorAll(arguments[0]).length", selector)

    def is_shown(self, selector):
        return self.js("return !!document.querySelector(arguments[0])?.checkVisibility()", selector)

    def click(self, selector):
        self.js("document.querySelector(arguments[0]).click()", selector)

    def enter(self, selector, value):
        """Gives a field a value, as typing or dragging does."""
        self.js("const field = document.querySelector(arguments[0]); field.value = arguments[1];"
                "field.dispatchEvent(new Event('input', {bubbles: true}));", selector, value)

    def key(self, key):
        self.js("(document.activeElement ?? document.body).dispatchEvent("
                "new KeyboardEvent('keydown', {key: arguments[0], bubbles: true, cancelable: true}))", key)
        time.sleep(0.1)

    def messages(self):
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self):
        """What was asked for beside the page itself and pictures in its own text."""
        asked = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                if not url.startswith(("file://", "data:", "blob:")):
                    asked.append(url)
        return asked

    def files(self):
        """The files that were asked for: the pages."""
        urls = set()
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                if url.startswith("file://"):
                    urls.add(url.split("#")[0])
        return urls

    def picture(self, path):
        data = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"]
        path.write_bytes(base64.b64decode(data))
