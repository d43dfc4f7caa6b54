"""The top 10 of an index by `influence search` and by FAISS (flat, int8 and inverted lists), in one run.

    python search.py --influence ../../.build/release/influence --data DIR [--rows 100000] [--columns 512] [--repeats 3]
                     [--store STORE --queries STORE]

Rows are clustered random gradients, unless stores are given; `influence index` makes the rows that all search: y = M g of `exact`.
FAISS gets the same rows as the index of float32 holds, and answers for inner products. Recall@10 is the share of the 10 highest scores by float64
products of these rows that a search found, of the helpful side. Seconds are the fastest of the repeats, by turns:

    influence     the scan as the command counts it (`scan`), and the whole command, which starts, checks and maps the index, finds both
                  sides of the top and writes a table
    FAISS         `index.search` alone, of an index in memory; building it is told apart

FAISS finds one side (a second search of -v gives the other). It runs on as many threads as influence.
"""

import argparse
import json
import os
import subprocess
import time
from pathlib import Path

import faiss
import numpy as np

TOP = 10


def clustered(rows, columns, seed, centres):
    generator = np.random.default_rng(seed)
    place = generator.integers(len(centres), size=rows)
    return (centres[place] + generator.standard_normal((rows, columns), dtype=np.float32)).astype(np.float32)


def make(data, rows, columns, queries):
    centres = 0.5 * np.random.default_rng(0).standard_normal((1000, columns), dtype=np.float32)
    np.save(data / "train.npy", clustered(rows, columns, 1, centres))
    np.save(data / "query.npy", clustered(queries, columns, 2, centres))
    return data / "train.npy", data / "query.npy"


def run(binary, *words):
    start = time.perf_counter()
    done = subprocess.run([binary, *map(str, words)], check=True, capture_output=True, text=True)
    return time.perf_counter() - start, done.stdout


def rows_of(store):
    """The rows of a float32 store directory."""
    info = json.loads((store / "info.json").read_text())
    columns = sum(info["grad_sizes"].values())
    return np.memmap(store / "gradients.bin", dtype="<f4", mode="r").reshape(-1, columns)


def queries_of(path):
    return np.load(path) if path.suffix == ".npy" else np.array(rows_of(path))


def recall(found, truth):
    return float(np.mean([len(set(a) & set(b)) / TOP for a, b in zip(found, truth)]))


def best(repeats, work):
    seconds, result = [], None
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def influence(options, data, kind, index, queries, extra=()):
    whole, scan = [], []
    for _ in range(options.repeats):
        seconds, output = run(options.influence, "search", index, "--queries", queries, "--top", TOP, "--json", "--quiet", *extra)
        record = json.loads(output)
        whole.append(seconds)
        scan.append(record["seconds"]["scan"] + (record["seconds"]["rerank"] if extra else 0))
    found = [[entry["example"] for entry in one["helpful"]] for one in record["results"]]
    certainty = record["certainty"]
    return min(scan), min(whole), found, certainty["queries"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--influence", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=512)
    parser.add_argument("--count", type=int, default=200, help="queries")
    parser.add_argument("--store", type=Path)
    parser.add_argument("--queries", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    data = options.data
    data.mkdir(parents=True, exist_ok=True)
    threads = len(os.sched_getaffinity(0))
    faiss.omp_set_num_threads(threads)
    train, query = (options.store, options.queries) if options.store else make(data, options.rows, options.columns, options.count)

    sizes = {}
    for kind in ["float32", "float16", "int8"]:
        if not (data / kind).exists():
            seconds, _ = run(options.influence, "index", train, "--method", "exact", "--type", kind, "--output", data / kind, "--quiet")
            print(f"influence index --type {kind}: {seconds:.1f} s")
        sizes[kind] = (data / kind / "gradients.bin").stat().st_size
    rows, many = rows_of(data / "float32"), queries_of(query).astype(np.float32)
    np.save(data / "one.npy", many[:1])
    batch = query
    exact = np.concatenate([many[first:first + 20].astype(np.float64) @ rows.astype(np.float64).T for first in range(0, len(many), 20)])
    truth = np.argsort(-exact, axis=1, kind="stable")[:, :TOP]
    rows = np.array(rows)

    lines = []
    for kind in ["float32", "float16", "int8"]:
        name = f"influence, {kind}"
        one = influence(options, data, kind, data / kind, data / "one.npy")
        all_ = influence(options, data, kind, data / kind, batch)
        lines.append((name, sizes[kind], one[0], one[1], len(many) / all_[0], len(many) / all_[1], recall(all_[2], truth), all_[3]))
    one = influence(options, data, "int8", data / "int8", data / "one.npy", ("--rerank", data / "train.npy" if not options.store else train))
    all_ = influence(options, data, "int8", data / "int8", batch, ("--rerank", data / "train.npy" if not options.store else train))
    lines.append(("influence, int8, re-ranked", sizes["int8"], one[0], one[1], len(many) / all_[0], len(many) / all_[1],
                  recall(all_[2], truth), all_[3]))

    def measure(name, index, size):
        single, _ = best(options.repeats * 3, lambda: index.search(many[:1], TOP))
        seconds, (_, found) = best(options.repeats, lambda: index.search(many, TOP))
        lines.append((name, size, single, None, len(many) / seconds, None, recall(found, truth), None))

    columns = rows.shape[1]
    flat = faiss.IndexFlatIP(columns)
    flat.add(rows)
    measure("FAISS flat, float32", flat, rows.nbytes)
    scalar = faiss.IndexScalarQuantizer(columns, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    start = time.perf_counter()
    scalar.train(rows)
    scalar.add(rows)
    print(f"FAISS SQ8: trained and filled in {time.perf_counter() - start:.1f} s")
    measure("FAISS flat, int8 (SQ8)", scalar, rows.size)
    lists = max(16, int(4 * len(rows) ** 0.5))
    quantizer = faiss.IndexFlatIP(columns)
    inverted = faiss.IndexIVFFlat(quantizer, columns, lists, faiss.METRIC_INNER_PRODUCT)
    start = time.perf_counter()
    inverted.train(rows[:: max(1, len(rows) // (40 * lists))])
    inverted.add(rows)
    print(f"FAISS IVF of {lists} lists: trained and filled in {time.perf_counter() - start:.1f} s")
    for probes in [1, 8, 32, 128]:
        inverted.nprobe = min(probes, lists)
        measure(f"FAISS IVF{lists}, {inverted.nprobe} probed", inverted, rows.nbytes)

    print(f"{len(rows)} rows x {columns} columns, {len(many)} queries, {threads} threads, FAISS {faiss.__version__}")
    print("| | MB | one query, ms | whole command, ms | queries/s | whole command, queries/s | recall@10 | certain queries |")
    print("|---|---|---|---|---|---|---|---|")
    for name, size, one, whole, rate, whole_rate, share, certain in lines:
        def shown(value, form):
            return "" if value is None else format(value, form)
        print(f"| {name} | {size / 1e6:.0f} | {1e3 * one:.1f} | {shown(whole and 1e3 * whole, '.0f')} | {rate:.0f} |"
              f" {shown(whole_rate, '.0f')} | {share:.4f} | {shown(certain, 'd')} |")


if __name__ == "__main__":
    main()
