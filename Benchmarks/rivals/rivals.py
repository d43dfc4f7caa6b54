"""Scores by `influence`, by numpy and by PyTorch on the same gradients, by turns in one run.

    python rivals.py --influence ../../.build/release/influence --data DIR [--queries 1 10 100] [--types float32 int8]

n = 1,000 rows and 24 blocks of 8,192 columns (0.8 GB in float32), seeded; they are made under --data once, with a store
of each type. Ours is the fit and the score that the record of `influence score --no-certificate` states, on files in
the page cache, with the norms that the store has recorded. numpy and PyTorch hold the arrays in memory, and their norms
too; each runs in a process of its own, with all cores, as a user installs it:

    Hessian-free    S = V Gᵀ
    DataInf         C = V Gᵀ    X = (V - (C w) G / n) / λ    S = X Gᵀ          summed over blocks

The limit is the larger of the bytes that must be read (G once; twice for DataInf) over the rate at which numpy multiplies
one row, and the operations (2mnd; 6mnd) over the rate of its own 4096 × 4096 product, both of this run.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

BLOCKS, ROWS, COLUMNS, SHARED = 24, 1000, 8192, 16
METHODS = ["hessian-free", "datainf"]


def gradients(seed, rows):
    """16 directions that all rows share, and noise."""
    blocks = {}
    for block in range(BLOCKS):
        directions = np.random.default_rng([7, block]).uniform(-1, 1, (SHARED, COLUMNS)).astype(np.float32)
        generator = np.random.default_rng([seed, block])
        strengths = 0.01 * generator.standard_normal((rows, SHARED)).astype(np.float32)
        noise = generator.uniform(-0.01, 0.01, (rows, COLUMNS)).astype(np.float32)
        blocks[f"block{block:02d}"] = strengths @ directions + noise
    return blocks


def prepare(options):
    from safetensors.numpy import save_file

    options.data.mkdir(parents=True, exist_ok=True)
    for name, seed, rows in [("train", 1, ROWS), ("query", 2, max(options.queries))]:
        file = options.data / f"{name}-{rows}.safetensors"
        if not file.exists():
            save_file(gradients(seed, rows), file)
    train, query = options.data / f"train-{ROWS}.safetensors", options.data / f"query-{max(options.queries)}.safetensors"
    for kind in options.types:
        store = options.data / f"train-{kind}"
        if not store.exists():
            subprocess.run([options.influence, "import", train, store, "--dtype", kind, "--quiet"], check=True)
    for count in options.queries:
        part = options.data / f"query-{count}"
        if not part.exists():
            from safetensors.numpy import load_file
            small = options.data / "part.safetensors"
            save_file({name: np.ascontiguousarray(rows[:count]) for name, rows in load_file(query).items()}, small)
            subprocess.run([options.influence, "import", small, part, "--quiet"], check=True)
            small.unlink()
    return train, query


def serve(library, train, query):
    """Times one method for one number of queries for each line that is read."""
    from safetensors import safe_open

    def load(path):
        with safe_open(path, framework="np" if library == "numpy" else "pt") as file:
            return [file.get_tensor(name) for name in sorted(file.keys())]

    all_train, all_query = load(train), load(query)
    norms = [(rows * rows).sum(1) for rows in all_train]
    print("ready", flush=True)
    for line in sys.stdin:
        method, count = line.split()
        if method == "rates":
            big = np.ones((4096, 4096), np.float32)
            square = min(timed(lambda: big @ big) for _ in range(5))
            row = all_query[0][:1]
            reading = min(timed(lambda: [row @ rows.T for rows in all_train]) for _ in range(7))
            print(2 * 4096**3 / square, 4 * BLOCKS * ROWS * COLUMNS / reading, flush=True)
            continue
        queries = [rows[: int(count)] for rows in all_query]
        print(timed(lambda: score(method, all_train, queries, norms)), flush=True)


def timed(work):
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def score(method, train, query, norms):
    total = 0
    for g, v, nu in zip(train, query, norms):
        if method == "datainf":
            damping = 0.1 * nu.mean() / COLUMNS
            v = (v - (v @ g.T * (1 / (damping + nu))) @ g / ROWS) / damping
        total = total + v @ g.T
    return total


class Rival:
    def __init__(self, library, python, train, query):
        self.process = subprocess.Popen(
            [python, __file__, "--serve", library, str(train), str(query)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True)
        self.process.stdout.readline()

    def ask(self, method, count=0):
        print(method, count, file=self.process.stdin, flush=True)
        answer = [float(word) for word in self.process.stdout.readline().split()]
        # Its idle threads spin for a while.
        time.sleep(0.25)
        return answer


def ours(options, method, count, kind):
    with tempfile.TemporaryDirectory() as place:
        output = Path(place) / "scores.npy"
        subprocess.run(
            [options.influence, "score", "--train", options.data / f"train-{kind}", "--query",
             options.data / f"query-{count}", "--method", method, "--no-certificate", "--quiet", "--output", output],
            check=True, stdout=subprocess.DEVNULL)
        seconds = json.loads((Path(place) / "scores.npy.json").read_text())["seconds"]
        return seconds["fit"] + seconds["score"]


def main():
    if sys.argv[1:2] == ["--serve"]:
        return serve(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--influence", type=lambda text: str(Path(text).resolve()), required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--queries", type=int, nargs="+", default=[1, 2, 4, 10, 16, 32, 64, 100, 256])
    parser.add_argument("--types", nargs="+", default=["float32", "float16", "bfloat16", "int8"])
    parser.add_argument("--libraries", nargs="+", default=["numpy", "torch"])
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    train, query = prepare(options)
    rivals = {name: Rival(name, sys.executable, train, query) for name in options.libraries}
    rates = next(iter(rivals.values())).ask("rates")
    print(f"load average before: {os.getloadavg()[0]:.1f}; this run: {rates[0] / 1e9:.0f} GFLOP/s, {rates[1] / 1e9:.1f} GB/s")
    sizes = {"float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}
    for method in METHODS:
        factor = 3 if method == "datainf" else 1
        readings = 2 if method == "datainf" else 1
        print(f"\n{method}: milliseconds, medians of {options.repeats}; rival / ours; share of the limit\n")
        head = ["m"] + list(rivals) + [f"{kind}, ratio, share" for kind in options.types]
        print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
        for count in options.queries:
            runs = {name: [] for name in list(rivals) + options.types}
            for _ in range(options.repeats):
                for name, rival in rivals.items():
                    runs[name] += rival.ask(method, count)
                for kind in options.types:
                    runs[kind].append(ours(options, method, count, kind))
            medians = {name: statistics.median(values) for name, values in runs.items()}
            best = min(medians[name] for name in rivals)
            cells = [f"{count}"] + [f"{1e3 * medians[name]:.1f}" for name in rivals]
            for kind in options.types:
                numbers = BLOCKS * ROWS * COLUMNS
                limit = max(readings * sizes[kind] * numbers / rates[1], factor * 2 * count * numbers / rates[0])
                cells.append(f"{1e3 * medians[kind]:.1f}, {best / medians[kind]:.2f}, {limit / medians[kind]:.0%}")
            print("| " + " | ".join(cells) + " |", flush=True)
    print(f"\nload average after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
