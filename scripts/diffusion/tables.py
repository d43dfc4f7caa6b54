"""Measures, tests, tables and the picture of scripts/diffusion/run.py."""

import base64
import csv
import math
import struct
import zlib
from statistics import mean, stdev

import numpy as np
from paired_intervals import interval

BASELINES = ("pixels", "random")
QUERIES = ("generated", "kept back", "kept back, untold")
# λ is chosen on the other queries, so that none is chosen on what it is measured by.
OTHER = {"generated": "kept back", "kept back": "generated"}
# As DataInf has it, by the score; and by its size, whether it helps or harms.
MEASURES = {"by score": ("auc", "recall"), "by size": ("size auc", "size recall")}
HEADS = "AUC", "recall"


def class_auc_and_recall(scores, query_classes, train_classes):
    """For each query (row of scores): AUC of its scores against `of the query's class`, equal scores counting half; and the share
    of the class among as many best-scored training pictures as the class has."""
    aucs, recalls = [], []
    for values, label in zip(scores, query_classes):
        same = train_classes == label
        above = (values[same][:, None] > values[~same]).mean() + (values[same][:, None] == values[~same]).mean() / 2
        best = np.argsort(-values, kind="stable")[:same.sum()]
        aucs.append(above)
        recalls.append(same[best].mean())
    return np.array(aucs), np.array(recalls)


def chance(values):
    """Two-sided, of Student's t test that the mean is 0: twice the tail, by Simpson's rule on s = freedom/(freedom + t²)."""
    if len(values) < 2:
        return math.nan
    spread = stdev(values)
    if spread == 0:
        return 1.0 if mean(values) == 0 else 0.0
    freedom, t = len(values) - 1, abs(mean(values)) / spread * math.sqrt(len(values))
    # With x = √freedom·tan u the density is proportional to cos(u) to the power of freedom − 1.
    def area(low, high, parts=2000):
        step = (high - low) / parts
        return sum((1 if i in (0, parts) else 4 if i % 2 else 2) * math.cos(low + i * step) ** (freedom - 1) for i in range(parts + 1)) * step / 3
    return area(math.atan(t / math.sqrt(freedom)), math.pi / 2) / area(0, math.pi / 2)


def holm(chances):
    """Chances after Holm's correction for their number."""
    order, largest, found = sorted(range(len(chances)), key=lambda i: chances[i]), 0.0, [0.0] * len(chances)
    for place, i in enumerate(order):
        largest = max(largest, min(1.0, (len(chances) - place) * chances[i]))
        found[i] = largest
    return found


def number(value, digits=3):
    text = f"{abs(value):.{digits}f}"
    return ("−" if value < 0 and float(text) else "") + (text.removeprefix("0") if abs(value) < 1 and text[0] == "0" else text)


class Measured:
    """All measures by task, queries, method and λ: for each seed the values of its queries."""

    def __init__(self, results):
        self.values = {}
        for row in (row for result in results for row in result["measured"]):
            for name in (name for names in MEASURES.values() for name in names):
                key = row["task"], row["queries"], row["method"], row["damping"], name
                self.values.setdefault(key, []).append(row[name])
        self.methods = list(dict.fromkeys(key[2] for key in self.values))
        self.tasks = list(dict.fromkeys(key[0] for key in self.values))

    def by_seed(self, *key):
        return [mean(values) for values in self.values[key]]

    def spread(self, *key):
        """The standard deviation over the queries of a seed, mean over seeds."""
        return mean(float(np.std(values)) for values in self.values[key])

    def needs_damping(self, task, queries, method, dampings, names):
        if method in BASELINES:
            return False
        return any(len({tuple(self.by_seed(task, queries, method, d, name)) for d in dampings}) > 1 for name in names)

    def best_damping(self, task, queries, method, dampings, name):
        """The λ of the highest mean; of equal ones the smallest."""
        if method in BASELINES:
            return ""
        return max(dampings, key=lambda d: mean(self.by_seed(task, queries, method, d, name)))


def write(folder, results, dampings, seed):
    """tables.md, results.csv and found.svg."""
    measured, lines = Measured(results), []
    with open(folder / "results.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["task", "queries", "method", "damping", "measure", "mean", "half of 95 % interval over seeds", "sd over queries"])
        for key in measured.values:
            half = interval(measured.by_seed(*key))[1]
            table.writerow([*key, f"{mean(measured.by_seed(*key)):.5f}", f"{half:.5f}", f"{measured.spread(*key):.5f}"])

    for task in measured.tasks:
        for how, names in MEASURES.items():
            lines += at_one_damping(measured, task, "0.1", how, names)
            lines += at_chosen_dampings(measured, task, dampings, how, names)
    for how, names in MEASURES.items():
        lines += by_damping(measured, dampings, how, names) + tests(measured, dampings, how, names)
    for task in measured.tasks:
        mine = [r for r in results if r["measured"][0]["task"] == task]
        lines += [f"{task}: {mine[0]['training']} training pictures, {mine[0]['columns']} columns, queries {mine[0]['queries']}; loss of the fine-tuned "
                  f"model {plus_minus([r['loss'] for r in mine], 4)}; generated pictures nearest to a picture kept back of the class asked for "
                  f"{plus_minus([r['right'] for r in mine])}", ""]
    (folder / "tables.md").write_text("\n".join(lines))
    (folder / "found.svg").write_text(found_picture(folder, seed))


def plus_minus(values, digits=3):
    centre, half = interval(values)
    return f"{number(centre, digits)} ± {number(half, digits)}" if len(values) > 1 else number(centre, digits)


def at_one_damping(measured, task, damping, how, names):
    lines = [f"**{task}, {how}, λ = {damping}**: mean ± 95 % over seeds, and the standard deviation over the queries of a seed", "",
             "| method | " + " | ".join(f"{queries}: {head} | sd" for queries in QUERIES for head in HEADS) + " |", "|:--|" + "--:|" * 12]
    for method in measured.methods:
        at, cells = "" if method in BASELINES else damping, []
        for key in [(task, queries, method, at, name) for queries in QUERIES for name in names]:
            cells += [plus_minus(measured.by_seed(*key)), number(measured.spread(*key), 2)]
        lines.append(f"| `{method}` | " + " | ".join(cells) + " |")
    return lines + [""]


def at_chosen_dampings(measured, task, dampings, how, names):
    lines = [f"**{task}, {how}, λ chosen** by AUC: for generated queries on those kept back, and the other way round", "",
             "| method | generated: λ | AUC | recall | kept back: λ | AUC | recall |", "|:--|--:|--:|--:|--:|--:|--:|"]
    for method in measured.methods:
        cells = []
        for queries in OTHER:
            chosen = measured.best_damping(task, OTHER[queries], method, dampings, names[0])
            cells += [chosen if measured.needs_damping(task, queries, method, dampings, names) else "–"]
            cells += [plus_minus(measured.by_seed(task, queries, method, chosen, name)) for name in names]
        lines.append(f"| `{method}` | " + " | ".join(cells) + " |")
    return lines + [""]


def by_damping(measured, dampings, how, names):
    lines = [f"**By λ**, {how}, as shares of each block's mean eigenvalue, means over seeds", "",
             "| task | queries | method | " + " | ".join(f"{head} at {d}" if i == 0 else d for head in HEADS for i, d in enumerate(dampings)) + " |",
             "|:--|:--|:--|" + "--:|" * 2 * len(dampings)]
    for task in measured.tasks:
        for queries in QUERIES:
            for method in measured.methods:
                if measured.needs_damping(task, queries, method, dampings, names):
                    cells = [number(mean(measured.by_seed(task, queries, method, d, n))) for n in names for d in dampings]
                    lines.append(f"| {task} | {queries} | `{method}` | " + " | ".join(cells) + " |")
    return lines + [""]


def tests(measured, dampings, how, names):
    """Differences to hessian-free, seed by seed, at the λ that was chosen on the other queries; those of `untold` queries are not tested."""
    methods = [m for m in measured.methods if m not in ("hessian-free", "random")]
    heads = [(task, queries, place) for task in measured.tasks for queries in OTHER for place in (0, 1)]
    differences = []
    for method in methods:
        for task, queries, place in heads:
            chosen = measured.best_damping(task, OTHER[queries], method, dampings, names[0])
            pairs = zip(measured.by_seed(task, queries, method, chosen, names[place]),
                        measured.by_seed(task, queries, "hessian-free", dampings[0], names[place]))
            differences.append([ours - base for ours, base in pairs])
    chances = [chance(values) for values in differences]
    if any(math.isnan(c) for c in chances):
        return []
    lines = [f"**Less `hessian-free`**, {how}, seed by seed, at the λ chosen; in brackets the chance of Student's t test after Holm's correction "
             f"for the {len(chances)} differences of this table", "",
             "| method | " + " | ".join(f"{t}, {q}: {HEADS[n]}" for t, q, n in heads) + " |", "|:--|" + "--:|" * len(heads)]
    cells = [f"{plus_minus(values)} ({c:.1g})" if c < 0.1 else f"{plus_minus(values)} ({c:.1f})" for values, c in zip(differences, holm(chances))]
    for place, method in enumerate(methods):
        lines.append(f"| `{method}` | " + " | ".join(cells[place * len(heads):(place + 1) * len(heads)]) + " |")
    return lines + [""]


def png(picture):
    """A grey PNG file of a picture from −1 to 1."""
    bytes_ = np.clip(np.round((picture + 1) * 127.5), 0, 255).astype(np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in bytes_)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", bytes_.shape[1], bytes_.shape[0], 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def found_picture(folder, seed, count=4, methods=("hessian-free", "datainf", "ekfac", "ekfac, by size", "pixels")):
    """Of a seed: the first generated picture of each style and of four subjects, and the training pictures that score best."""
    size, gap, top, left = 36, 5, 46, 14
    column = lambda place: left + size + 26 + place // count * (count * (size + gap) + 18) + place % count * (size + gap)
    parts, y = [], top
    for task in ("style", "subject"):
        kept = np.load(folder / f"seed-{seed}" / task / "pictures.npz")
        firsts = [int(np.flatnonzero(kept["generated_class"] == c)[0]) for c in np.unique(kept["generated_class"])][:4]
        for row in firsts:
            def draw(x, picture, colour):
                data = base64.b64encode(png(picture[0])).decode()
                parts.append(f'<rect x="{x - 2}" y="{y - 2}" width="{size + 4}" height="{size + 4}" fill="{colour}"/>'
                             f'<image x="{x}" y="{y}" width="{size}" height="{size}" style="image-rendering:pixelated" '
                             f'href="data:image/png;base64,{data}"/>')
            draw(left, kept["generated"][row], "#888888")
            for m, method in enumerate(methods):
                scores = kept["scores pixels" if method == "pixels" else f"scores {method.split(',')[0]} 0.1"][row]
                scores = abs(scores) if method.endswith("by size") else scores
                for place, found in enumerate(np.argsort(-scores, kind="stable")[:count]):
                    is_same = kept["train_class"][found] == kept["generated_class"][row]
                    draw(column(m * count + place), kept["train"][found], "#2a7fd4" if is_same else "#e08a1e")
            y += size + 12
        y += 10
    width, height = column(len(methods) * count - 1) + size + left, y + 14
    text = lambda x, y, words: f'<text x="{x}" y="{y}" font-family="sans-serif" font-size="13" fill="#222222">{words}</text>'
    heads = [text(left - 6, 32, "made")] + [text(column(m * count), 32, m_) for m, m_ in enumerate(methods)]
    legend = text(left - 6, height - 8, f"blue frame: of the class that was asked for; orange: of another. λ = 0.1, the first picture of each class, seed {seed}")
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
            'aria-label="Generated pictures and the training pictures that each method finds">'
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>' + "".join(heads + parts) + legend + "</svg>\n")
