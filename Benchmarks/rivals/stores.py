"""What smaller stores cost and keep: bytes of a row, seconds to score, and how far scores are from those of float32, in one run.

    python stores.py --influence ../../.build/release/influence --train STORE --query STORE --work DIR [--repeats 3]

Writes each smaller store of both into DIR, which may be removed afterwards. Seconds are the fastest of whole commands, which fit, score every
query and write a file, without certificates. Spearman and the overlap of the 10 highest are means over queries, against float32 with the same blocks.
"""

import argparse
import json
import subprocess
import time
from pathlib import Path

import numpy as np

METHODS = ("hessian-free", "datainf", "exact")
STORES = {
    "float32": [],
    "float16": ["import", "--dtype", "float16", "--allow-loss"],
    "bfloat16": ["import", "--dtype", "bfloat16"],
    "int8": ["import", "--dtype", "int8"],
    "float32, by layer": [],
    "sjlt 512, by layer": ["project", "--kind", "sjlt", "--dimension", "512", "--blocks", "layer"],
    "logra 48": ["project", "--kind", "logra", "--factor-dimension", "48"],
    "logra 8": ["project", "--kind", "logra", "--factor-dimension", "8"],
} | {
    f"rank {rank}, {dtype}": ["import", "--factored", str(rank), "--dtype", dtype]
    for rank in (1, 2, 4)
    for dtype in ("float16", "int8")
}


def ranks(scores):
    places = np.empty(scores.shape)
    for row, order in zip(places, np.argsort(scores, axis=1, kind="stable")):
        row[order] = np.arange(len(order))
    return places


def compared(scores, truth):
    """Mean Spearman correlation over queries, and mean overlap of the 10 highest."""
    spearman = np.mean([np.corrcoef(one, other)[0, 1] for one, other in zip(ranks(scores), ranks(truth))])
    overlap = np.mean(
        [len(set(np.argsort(-one)[:10]) & set(np.argsort(-other)[:10])) / 10 for one, other in zip(scores, truth)]
    )
    return spearman, overlap


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("influence", "train", "query", "work"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)

    def run(*words):
        command = [options.influence, *words]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    print("| store | bytes a row | kept norm, % |" + "".join(f" {method}: s | Spearman | top 10 |" for method in METHODS))
    print("|---|" + "---|" * (2 + 3 * len(METHODS)))
    truth = {}
    for name, command in STORES.items():
        folder = options.work / name.replace(",", "").replace(" ", "-")
        stores = {"train": options.train, "query": options.query}
        if command:
            for part, source in stores.items():
                stores[part] = folder / part
                if not stores[part].exists():
                    folder.mkdir(exist_ok=True)
                    run(command[0], source, stores[part], *command[1:], "--quiet")
        is_by_layer = "by layer" in name
        info = json.loads(run("inspect", stores["train"], "--json"))
        kept = f"{100 * info['factors']['captured']:.2f}" if info.get("factors") else ""
        cells = [name, str(info["bytes_per_row"]), kept]
        for method in METHODS:
            output = options.work / "scores.npy"
            seconds = []
            for _ in range(options.repeats):
                start = time.perf_counter()
                run("score", "--train", stores["train"], "--query", stores["query"], "--method", method, "--output", output,
                    "--no-certificate", "--quiet", *(["--blocks", "layer"] if is_by_layer and not command else []))
                seconds.append(time.perf_counter() - start)
            scores = np.load(output)
            spearman, overlap = compared(scores, truth.setdefault((method, is_by_layer), scores))
            cells += [f"{min(seconds):.2f}", f"{spearman:.4f}", f"{overlap:.3f}"]
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
