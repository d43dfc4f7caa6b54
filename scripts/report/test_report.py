"""Tests of the page that `influence report` writes; see scripts/test-report."""

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import stores
from axe_core_python.base import AXE_FILE_PATH
from browser import Browser

ROOT = Path(__file__).resolve().parents[2]
INFLUENCE = os.environ.get("INFLUENCE", str(ROOT / ".build/release/influence"))
FIXTURE = ROOT.parent / "shared/fixtures/sst2-minilm-lora4"
OPTIONS = argparse.Namespace(pictures=None, time=False)
WIDTHS = (1400, 390)


def influence(*words):
    found = subprocess.run([INFLUENCE, *words], capture_output=True, text=True)
    assert found.returncode == 0, f"{' '.join(words)}: {found.stderr}"
    return found.stdout


def body(html):
    """A page without its style and script."""
    return html.split("<body>", 1)[1].split('<script type="application/json"', 1)[0]


def squeezed(html):
    return re.sub(r"\s+", " ", html).strip()


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.place.name)
        stores.write(cls.folder / "stores", 240, 40)
        cls.page = cls.folder / "report.html"
        influence(*stores.arguments(cls.folder / "stores", cls.page))
        cls.downloads = cls.folder / "downloads"
        cls.downloads.mkdir()
        cls.browser = Browser(downloads=cls.downloads)

    @classmethod
    def tearDownClass(cls):
        cls.browser.driver.quit()
        cls.place.cleanup()

    def setUp(self):
        self.browser.resize(1400, 900)
        self.browser.open("/dev/null")
        self.browser.open(self.page)
        self.browser.messages()


class Behaviour(Pages):
    def test_nothing_is_logged_and_nothing_is_asked_for(self):
        self.browser.open(self.page)
        for address in ("queries", "suspects", "duplicates", "trust", "provenance"):
            self.browser.go(address)
            self.assertTrue(self.browser.is_shown(f"#{address}"), address)
        self.assertEqual(self.browser.messages(), [])
        self.assertEqual(self.browser.requests(), [])

    def test_every_query_and_method_is_drawn(self):
        queries = self.browser.js("return JSON.parse(document.querySelector('#data').textContent).queries"
                                  ".map((query) => query.row)")
        for row in queries:
            for method in ("exact", "cosine"):
                self.browser.go(f"q{row}/{method}")
                self.assertEqual(self.browser.count("#article .card"), 12)
        self.assertEqual(self.browser.messages(), [])

    def test_server_and_script_draw_the_same(self):
        drawn = self.browser.js("return document.querySelector('#article').innerHTML")
        rows = self.browser.js("return document.querySelector('#suspect-rows').innerHTML")
        cells = self.browser.js("""
            const page = new DOMParser().parseFromString(arguments[0], "text/html");
            return [page.querySelector("#article").innerHTML, page.querySelector("#suspect-rows").innerHTML];
            """, self.page.read_text())
        self.assertEqual(squeezed(drawn), squeezed(cells[0]))
        self.assertEqual(squeezed(rows), squeezed(cells[1]))

    def test_search(self):
        everything = self.browser.count("#list a")
        self.assertEqual(everything, 30)
        self.browser.enter("#find", "alert(1)")
        found = self.browser.count("#list a")
        self.assertTrue(0 < found < everything)
        self.browser.enter("#find", "no text has these words")
        self.assertEqual(self.browser.count("#list a"), 0)
        self.assertIn("0 of 30", self.browser.text("#found"))
        self.browser.enter("#find", "")
        self.browser.enter("#order", "row")
        rows = self.browser.js("return [...document.querySelectorAll('#list a')].map((link) => +link.hash.slice(2))")
        self.assertEqual(rows, sorted(rows))

    def test_methods(self):
        first = self.browser.text("#article .card .text")
        self.browser.click('[data-method="cosine"]')
        self.assertEqual(self.browser.js("return location.hash").split("/")[1], "cosine")
        self.assertEqual(self.browser.js("return document.querySelector('[data-method=cosine]').ariaPressed"), "true")
        self.assertIn("agrees with exact by ρ", self.browser.text(".methods"))
        self.browser.click('[data-method="exact"]')
        self.assertEqual(self.browser.text("#article .card .text"), first)

    def test_slider(self):
        self.browser.go("suspects")
        self.browser.enter("#cut", 5)
        self.assertEqual(self.browser.count("#suspect-rows tr"), 5)
        self.assertEqual(self.browser.text("#cut-count"), "5")
        self.assertEqual(self.browser.text("#tab-suspects"), "5")
        self.browser.enter("#cut", 0)
        self.assertEqual(self.browser.count("a.flag[data-flag]:not([hidden])"), 0)
        self.browser.enter("#cut", 240)
        self.assertEqual(self.browser.count("#article a.flag[hidden]"), 0)
        self.assertGreater(self.browser.count("#article a.flag"), 0)

    def test_filter_and_order(self):
        self.browser.go("suspects")
        self.browser.click("#all")
        self.assertEqual(self.browser.count("#suspect-rows tr"), 240)
        self.browser.enter("#filter", "onerror")
        self.assertEqual(self.browser.count("#suspect-rows tr"), 1)
        self.browser.enter("#filter", "")
        self.browser.enter("#filter-label", "=positive")
        labels = self.browser.js("return [...document.querySelectorAll('#suspect-rows .label-column')]"
                                 ".map((cell) => cell.innerText)")
        self.assertTrue(0 < len(labels) < 240 and all(label.startswith("positive") for label in labels))
        self.browser.enter("#filter-label", "")
        self.browser.click('th[data-column="1"] button')
        places = self.browser.js("return [...document.querySelectorAll('#suspect-rows tr')]"
                                 ".map((row) => +row.querySelectorAll('.rank')[1].innerText)")
        self.assertEqual(places, sorted(places))

    def test_download(self):
        self.browser.go("suspects")
        self.browser.click("#all")
        self.browser.click("#csv")
        saved = self.downloads / "suspects.csv"
        for _ in range(50):
            if saved.exists():
                break
            time.sleep(0.1)
        with open(saved, newline="") as file:
            rows = list(csv.reader(file))
        self.assertEqual(len(rows), 241)
        self.assertTrue(all(len(row) == len(rows[0]) for row in rows))
        texts = {json.loads(line)["id"]: json.loads(line)["text"]
                 for line in open(self.folder / "stores/train.jsonl")}
        column = rows[0].index("text")
        for row in rows[1:]:
            # Marks of direction are shown as escapes; all else is as it was.
            self.assertEqual(row[column].replace("\\u{202E}", "\u202e"), texts[row[rows[0].index("id")]])
        self.assertEqual(sum(int(row[-1]) for row in rows[1:]), len(json.loads(
            (self.folder / "stores/flipped.json").read_text())))

    def test_addresses(self):
        rows = self.browser.js("return JSON.parse(document.querySelector('#data').textContent).queries"
                               ".map((query) => query.row)")
        self.browser.open("/dev/null")
        self.browser.open(self.page, f"#q{rows[3]}/datainf")
        self.assertIn(f"Query {rows[3]}", self.browser.text(".query-head"))
        self.assertEqual(self.browser.text('.methods [aria-pressed="true"]'), "datainf")
        self.assertTrue(self.browser.js("return document.querySelector('#permalink').href")
                        .endswith(f"#q{rows[3]}/datainf"))
        suspect = self.browser.js("return JSON.parse(document.querySelector('#data').textContent).suspects.rows[60].i")
        self.browser.go(f"suspects/{suspect}")
        self.assertTrue(self.browser.is_shown(f"#s{suspect}"))
        for strange in ("q99999", "%E0%A4%A", "suspects/x", "nothing"):
            self.browser.js("location.hash = arguments[0]", strange)
        self.assertEqual(self.browser.messages(), [])

    def test_keys(self):
        first = self.browser.text(".query-head")
        self.browser.key("j")
        second = self.browser.text(".query-head")
        self.assertNotEqual(first, second)
        self.browser.key("k")
        self.assertEqual(self.browser.text(".query-head"), first)
        self.browser.key("m")
        self.assertEqual(self.browser.text('.methods [aria-pressed="true"]'), "datainf")
        self.browser.key("2")
        self.assertTrue(self.browser.is_shown("#suspects"))
        self.browser.key("1")
        self.browser.key("/")
        self.assertEqual(self.browser.js("return document.activeElement.id"), "find")
        self.browser.key("j")
        self.assertEqual(self.browser.text(".query-head"), first)
        self.browser.js("document.activeElement.blur()")
        self.browser.key("?")
        self.assertTrue(self.browser.js("return document.querySelector('#keys').open"))
        self.browser.click("#keys-on")
        self.browser.click("#keys-close")
        self.browser.key("j")
        self.assertEqual(self.browser.text(".query-head"), first)

    def test_themes(self):
        ground = "return getComputedStyle(document.documentElement).backgroundColor"
        light = self.browser.js(ground)
        self.browser.key("t")
        self.assertEqual(self.browser.text("#theme"), "dark")
        self.assertNotEqual(self.browser.js(ground), light)
        self.browser.key("t")
        self.assertEqual(self.browser.js(ground), light)
        self.browser.key("t")
        self.assertEqual(self.browser.text("#theme"), "system")

    def test_print(self):
        self.browser.media("print")
        for part in ("queries", "suspects", "duplicates", "trust", "provenance"):
            self.assertTrue(self.browser.is_shown(f"#{part}"), part)
        for control in ("nav.parts", "#find", "#csv", "#theme"):
            self.assertFalse(self.browser.is_shown(control), control)
        self.browser.media("")


class Looks(Pages):
    def test_no_sideways_scrolling(self):
        for width in (1400, 1000, 800, 390, 320):
            self.browser.resize(width, 844)
            for part in ("queries", "suspects", "duplicates", "trust", "provenance"):
                self.browser.go(part)
                self.browser.js("for (const more of document.querySelectorAll('details')) more.open = true")
                self.assertLessEqual(self.browser.js("return document.documentElement.scrollWidth"), width,
                                     f"{part} at {width}")

    def test_axe(self):
        axe = Path(AXE_FILE_PATH).read_text()
        for dark in (False, True):
            for width in WIDTHS:
                self.browser.open("/dev/null")
                self.browser.resize(width, 900, dark=dark)
                self.browser.open(self.page)
                self.browser.js(axe)
                for part in ("queries", "suspects", "duplicates", "trust", "provenance"):
                    self.browser.go(part)
                    self.browser.js("for (const more of document.querySelectorAll('details')) more.open = true")
                    found = self.browser.driver.execute_async_script(
                        "const done = arguments[0]; axe.run().then((found) => done(found.violations"
                        ".map((one) => [one.id, one.help, one.nodes.slice(0, 3).map((node) =>"
                        " [node.target.join(' '), node.failureSummary])])))")
                    self.assertEqual(found, [], f"{part} at {width}{' in the dark' if dark else ''}")

    def test_no_id_twice(self):
        self.browser.go("suspects")
        self.browser.click("#all")
        ids = self.browser.js("return [...document.querySelectorAll('[id]')].map((one) => one.id)")
        self.assertEqual(len(ids), len(set(ids)))

    def test_pictures(self):
        if not OPTIONS.pictures:
            self.skipTest("no --pictures")
        folder = Path(OPTIONS.pictures)
        folder.mkdir(parents=True, exist_ok=True)
        page = self.page
        if FIXTURE.exists():
            page = self.folder / "fixture.html"
            fixture(self.folder, page)
        for width in WIDTHS:
            for dark in (False, True):
                self.browser.open("/dev/null")
                self.browser.resize(width, 1000 if width > 500 else 844, dark=dark)
                self.browser.open(page)
                for part in ("queries", "suspects", "duplicates", "trust", "provenance"):
                    if self.browser.count(f"#{part}") == 0:
                        continue
                    self.browser.go(part)
                    self.browser.js("scrollTo(0, 0)")
                    time.sleep(0.3)
                    self.browser.picture(folder / f"report-{part}-{width}{'-dark' if dark else ''}.png")


class Hostile(Pages):
    def test_nothing_foreign_is_an_element(self):
        self.browser.js("window.alert = () => { window.hostile = true }")
        for address in ("queries", "suspects", "duplicates", "trust", "provenance"):
            self.browser.go(address)
        self.browser.click("#all")
        for selector in ("img", "svg[onload]", "[onmouseover]", "[onfocus]", "[onerror]", "textarea", "main script"):
            self.assertEqual(self.browser.count(selector), 0, selector)
        self.assertIsNone(self.browser.js("return window.hostile ?? null"))
        self.assertIn("<script>alert(1)</script>", self.browser.js("return document.querySelector('#s0').innerText"))
        self.browser.go("trust")
        self.assertIn("onerror=alert(5)", self.browser.js("return document.querySelector('#trust').textContent"))
        self.assertEqual(self.browser.messages(), [])

    def test_the_policy_allows_one_script(self):
        html = self.page.read_text()
        self.assertEqual(html.count("<script"), 2)
        self.assertNotRegex(body(html), r"\son\w+=\"")
        self.browser.js("const one = document.createElement('script'); one.textContent = 'window.added = true';"
                        "document.body.append(one)")
        self.assertIsNone(self.browser.js("return window.added ?? null"))


class WithoutScript(Pages):
    def test_all_parts_can_be_read(self):
        with Browser(script=False) as browser:
            browser.open(self.page)
            html = browser.driver.page_source
            for part in ("queries", "suspects", "duplicates", "trust", "provenance"):
                shown = browser.driver.find_element("css selector", f"#{part}")
                self.assertTrue(shown.is_displayed(), part)
            self.assertEqual(len(browser.driver.find_elements("css selector", "#article .card")), 12)
            flagged = int(re.search(r'id="cut-count">(\d+)<', html).group(1))
            self.assertEqual(len(browser.driver.find_elements("css selector", "#suspect-rows tr")), flagged)
            for control in ("#find", "#csv", "#theme", "#cut"):
                self.assertFalse(browser.driver.find_element("css selector", control).is_displayed(), control)


class Others(unittest.TestCase):
    """Pages of other commands and of stores that hold less."""

    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = Path(place.name)
        self.stores = self.folder / "stores"
        stores.write(self.stores, 60, 8, hostile=False)

    def look(self, page, present, absent=()):
        with Browser() as browser:
            browser.open(page)
            self.assertEqual(browser.messages(), [])
            self.assertEqual(browser.requests(), [])
            for selector in present:
                self.assertGreater(browser.count(selector), 0, selector)
            # Every part that a page has can be seen.
            for part in browser.js("return [...document.querySelectorAll('section.part')].map((one) => one.id)"):
                if part:
                    browser.go(part)
                    self.assertTrue(browser.is_shown(f"#{part}"), part)
                else:
                    self.assertTrue(browser.js("return [...document.querySelectorAll('section.part')]"
                                               ".every((one) => one.checkVisibility())"))
            for selector in absent:
                self.assertEqual(browser.count(selector), 0, selector)
            browser.resize(390, 844)
            self.assertLessEqual(browser.js("return document.documentElement.scrollWidth"), 390)

    def test_gradients_alone(self):
        page = self.folder / "bare.html"
        influence("report", "--quiet", "--train", str(self.stores / "train.safetensors"), "--query",
                  str(self.stores / "query.safetensors"), "--output", str(page))
        self.look(page, ["#queries", "#trust"], ["#suspects", "#duplicates", ".card .text"])

    def test_suspects_alone(self):
        page = self.folder / "suspects.html"
        influence("suspects", "--quiet", "--train", str(self.stores / "train.safetensors"), "--examples",
                  str(self.stores / "train.jsonl"), "--report", str(page))
        self.look(page, ["#suspects", "#trust"], ["#queries", ".areas", "#truth"])

    def test_a_comparison_and_its_folder(self):
        page, again, run = self.folder / "compare.html", self.folder / "again.html", self.folder / "run"
        influence("compare", "--quiet", "--train", str(self.stores / "train.safetensors"), "--query",
                  str(self.stores / "query.safetensors"), "--methods", "exact", "datainf", "--output", str(run),
                  "--report", str(page))
        influence("report", str(run), "--quiet", "--output", str(again))
        for each in (page, again):
            self.look(each, ["#queries", ".heat"], ["#suspects"])

    def test_the_top_examples(self):
        page = self.folder / "top.html"
        influence("score", "--quiet", "--train", str(self.stores / "train.safetensors"), "--query",
                  str(self.stores / "query.safetensors"), "--method", "datainf", "--top", "3", "--examples",
                  str(self.stores / "train.jsonl"), "--output", str(self.folder / "top.csv"), "--report", str(page))
        self.look(page, ["#queries", ".card .text"], [".heat"])

    def test_an_experiment(self):
        page = self.folder / "experiment.html"
        influence("experiment", "run", str(ROOT / "scripts/experiments/inner-product-ensemble.yaml"), "--quick",
                  "--quiet", "--output", str(self.folder / "experiment"), "--report", str(page))
        self.look(page, ["h1", "table", ".picture svg"])

    def test_a_page_is_replaced_and_other_files_are_not(self):
        page = self.folder / "page.html"
        words = ["report", "--quiet", "--train", str(self.stores / "train.safetensors"), "--query",
                 str(self.stores / "query.safetensors"), "--output", str(page)]
        influence(*words)
        influence(*words)
        page.write_text("<p>mine</p>")
        found = subprocess.run([INFLUENCE, *words], capture_output=True, text=True)
        self.assertEqual(found.returncode, 73)
        self.assertEqual(page.read_text(), "<p>mine</p>")


def fixture(folder, page):
    """The page of MiniLM on 300 sentences, with the first training text that has a script in it."""
    data = json.loads((FIXTURE / "examples.json").read_text())
    names = ["negative", "positive"]
    for name in ("train", "query"):
        with open(folder / f"{name}.jsonl", "w") as file:
            for text, label, loss in zip(data[f"{name}_texts"], data[f"{name}_labels"], data[f"{name}_loss"]):
                file.write(json.dumps({"text": text.strip(), "label": names[label], "loss": loss}) + "\n")
    (folder / "flipped.json").write_text(json.dumps(data["flipped"]))
    influence("report", "--quiet", "--train", str(FIXTURE / "train.safetensors"), "--query",
              str(FIXTURE / "query.safetensors"), "--examples", str(folder / "train.jsonl"), "--query-examples",
              str(folder / "query.jsonl"), "--flipped", str(folder / "flipped.json"), "--output", str(page))


def measure():
    """How long a page of 10,000 texts and 100 queries takes to open: from navigation to the first drawn query."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        stores.write(folder / "stores", 10_000, 100, hostile=False)
        page = folder / "large.html"
        start = time.monotonic()
        influence(*stores.arguments(folder / "stores", page), "--queries", "100")
        made = time.monotonic() - start
        taken = []
        with Browser() as browser:
            for _ in range(5):
                browser.open("/dev/null")
                browser.open(page)
                taken.append(browser.js("const [entry] = performance.getEntriesByType('navigation');"
                                        "return entry.loadEventEnd"))
        print(f"10,000 texts, 100 queries: made in {made:.1f} s, {page.stat().st_size / 1e6:.1f} MB, opens in "
              f"{sorted(taken)[2]:.0f} ms (median of 5, {min(taken):.0f} to {max(taken):.0f})")
        assert max(taken) < 2000, "the page takes two seconds or more to open"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", help="leave screenshots in this folder")
    parser.add_argument("--time", action="store_true", help="measure a large page, too")
    OPTIONS, rest = parser.parse_known_args()
    if OPTIONS.time:
        measure()
    unittest.main(argv=[sys.argv[0], *rest])
