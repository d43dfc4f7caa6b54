"""Rankings of training examples by how likely their labels are wrong, and their aggregate, from stores, by the plainest formulas.

    python suspects.py FOLDER… [--top 100] [--neighbours 20] [--output expected.json]

Each FOLDER, as scripts/wrong_labels.py or `influence gradients` writes it, holds the stores `train` and `query`, and the rows with
wrong labels in `flipped.json` or `adapter/flipped.json`. Prints for each ranking the area under the ROC curve and the share of
the wrong labels among the first 10, 20 and 30 % (mean over folders, and the folders one by one), and writes what each
folder's rankings are as JSON. Shares no code with the program. Works in float64, on n × n and d × d matrices.

Where FOLDER/forest.npy was written by `influence outliers --train FOLDER/train --last-layer`, the isolation forest is that
one, since trees are random; else it is scikit-learn's.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from scipy.stats import rankdata
from sklearn.ensemble import IsolationForest

ABOUT = {
    "scores": "one number for each training example, in the order of rows; larger is more suspicious",
    "cosine, exact, datainf": "minus the mean over queries of the query's row of helpful-positive scores divided by its length; a row of zeros adds zeros",
    "self-influence": "of exact, 0.1 of the mean eigenvalue as the damping of each tensor",
    "last-layer norm": "length of the gradient in the last layer's tensors",
    "isolation forest": "on the last layer's gradients",
    "loss": "as the store has it",
    "neighbours": "share of the k training examples with the largest cosine of representations (itself left out, equal ones by the lower row) that have another label",
    "rank": "1 is the most suspicious; equal scores share the mean of their places",
    "suggested": "the label of most of the neighbours; of equally many, of the larger sum of cosines, then the lower class",
    "aggregate": "geometric mean of an example's ranks; smaller is more suspicious",
    "order": "rows by the aggregate, equal ones by row",
    "high": "how many rankings have the example among their first `top`, equal scores by the lower row",
    "agreement": "how many of the first `top` rows of the order are high in at least three quarters of the rankings",
    "top": "min(--top, ⌈n/10⌉)",
    "auc": "P(wrong before right) + ½P(equal)",
    "recall": "share of the wrong labels among the first ⌈share·n⌉; equal scores by the lower row, the aggregate in its order",
}
SHARES = (0.1, 0.2, 0.3)


def store(folder):
    """Columns of each block, gradients, losses and representations of a store."""
    info = json.loads((folder / "info.json").read_text())
    widths = info["grad_sizes"]
    gradients = np.memmap(folder / "gradients.bin", dtype=info["base_dtype"], mode="r").reshape(-1, sum(widths.values()))
    rows = [json.loads(line) for line in (folder / "examples.jsonl").read_text().splitlines()]
    edges = np.cumsum([0, *widths.values()])
    blocks = {name: slice(first, end) for name, first, end in zip(widths, edges, edges[1:])}
    return blocks, gradients, np.array([row["loss"] for row in rows]), load_file(folder / "representations.safetensors")


def unit(rows):
    """Rows divided by their length; rows of zeros stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)


def neighbours(features, labels, count):
    """Of each row, the share of its nearest rows with another label, and the label that they suggest."""
    alike = unit(features) @ unit(features).T
    np.fill_diagonal(alike, -np.inf)
    near = np.argsort(-alike, axis=1, kind="stable")[:, :count]
    votes = np.zeros((len(labels), labels.max() + 1, 2))
    for row, others in enumerate(near):
        np.add.at(votes[row], labels[others], np.stack([np.ones(len(others)), alike[row, others]], axis=1))
    suggested = [max(range(votes.shape[1]), key=lambda label: (*row[label], -label)) for row in votes]
    return (labels[near] != labels[:, None]).mean(1), suggested


def rankings(folder, count):
    """The scores of each ranking, and the label that each example's neighbours suggest."""
    blocks, train, loss, representations = store(folder / "train")
    _, queries, _, _ = store(folder / "query")
    n, m = len(train), len(queries)
    products, exact, datainf = (np.zeros((m, n)) for _ in range(3))
    itself, squares, query_squares = np.zeros(n), np.zeros(n), np.zeros(m)
    for columns in blocks.values():
        g, v = np.asarray(train[:, columns], float), np.asarray(queries[:, columns], float)
        norms, d = (g * g).sum(1), g.shape[1]
        damping = 0.1 * norms.sum() / (n * d)
        squares, query_squares = squares + norms, query_squares + (v * v).sum(1)
        c = v @ g.T
        products += c
        if damping == 0:
            continue
        # Whichever of (F + λI)⁻¹Gᵀ = n·Gᵀ(K + nλI)⁻¹ is smaller.
        if d < n:
            solved = np.linalg.solve(g.T @ g / n + damping * np.eye(d), g.T)
        else:
            solved = n * np.linalg.solve(g @ g.T + n * damping * np.eye(n), g).T
        exact += v @ solved
        itself += (g * solved.T).sum(1)
        datainf += (c - (c / (damping + norms)) @ (g @ g.T) / n) / damping
    lengths = np.sqrt(np.outer(query_squares, squares))
    cosine = products / np.where(lengths > 0, lengths, np.inf)
    layer = list(blocks)[-1].rsplit(".", 1)[0]
    head = np.hstack([train[:, columns] for name, columns in blocks.items() if name.rsplit(".", 1)[0] == layer])
    forest = folder / "forest.npy"
    labels = representations["labels"].astype(int)
    disagreement, suggested = neighbours(representations["features"].astype(float), labels, count)
    scores = {
        "cosine": -unit(cosine).mean(0),
        "exact": -unit(exact).mean(0),
        "datainf": -unit(datainf).mean(0),
        "self-influence": itself,
        "last-layer norm": np.linalg.norm(head.astype(float), axis=1),
        "isolation forest": np.load(forest).astype(float).ravel() if forest.exists()
        else -IsolationForest(n_estimators=100, max_samples=min(256, n), random_state=0).fit(head).score_samples(head),
        "loss": loss,
        "neighbours": disagreement,
    }
    return scores, suggested


def auc(scores, wrong):
    places = rankdata(scores)
    positives = wrong.sum()
    return (places[wrong].sum() - positives * (positives + 1) / 2) / (positives * (len(wrong) - positives))


def measures(scores, order, wrong):
    found = [wrong[order[: math.ceil(share * len(wrong))]].sum() / wrong.sum() for share in SHARES]
    return {"auc": float(auc(scores, wrong)), "recall": [float(value) for value in found]}


def aggregated(scores, top):
    """The aggregate of rankings, its order, and in how many of them each example is high."""
    ranks = np.array([rankdata(-values) for values in scores.values()])
    aggregate = np.exp(np.log(ranks).mean(0))
    order = np.argsort(aggregate, kind="stable")
    high = np.zeros(len(aggregate), int)
    for values in scores.values():
        high[np.argsort(-values, kind="stable")[:top]] += 1
    return aggregate, order, high


def expected(folder, options):
    """All that is expected of a folder."""
    flipped = next(path for path in (folder / "adapter/flipped.json", folder / "flipped.json") if path.exists())
    scores, suggested = rankings(folder, options.neighbours)
    wrong = np.zeros(len(suggested), bool)
    wrong[json.loads(flipped.read_text())["flipped"]] = True
    return summary(scores, suggested, wrong, min(options.top, math.ceil(len(wrong) / 10)))


def summary(scores, suggested, wrong, top):
    """What is known of rankings once they have scores."""
    aggregate, order, high = aggregated(scores, top)
    first = order[:top]
    agreed = first[4 * high[first] >= 3 * len(scores)]
    singles = {}
    for name, values in scores.items():
        places = np.argsort(-values, kind="stable")
        singles[name] = {**measures(values, places, wrong), "first": places[:20].tolist(), "scores": values.tolist()}
    return {
        "rows": len(wrong), "wrong": int(wrong.sum()), "top": top,
        "rankings": singles,
        "aggregate": {
            **measures(-aggregate, order, wrong), "ranks": aggregate.tolist(), "order": first.tolist(), "high": high[first].tolist(),
            "suggested": [int(suggested[row]) for row in first],
            "agreement": len(agreed), "wrong of the first": int(wrong[first].sum()), "wrong of those agreed on": int(wrong[agreed].sum()),
        },
    }


def table(results):
    names = [*next(iter(results.values()))["rankings"], "aggregate"]
    lines = ["| ranking | AUC | first 10 % | 20 % | 30 % | AUC of each |", "|:--|--:|--:|--:|--:|:--|"]
    for name in names:
        cells = [result["aggregate"] if name == "aggregate" else result["rankings"][name] for result in results.values()]
        areas = np.array([cell["auc"] for cell in cells])
        spread = f" ± {areas.std(ddof=1):.3f}" if len(areas) > 1 else ""
        found = np.mean([cell["recall"] for cell in cells], axis=0)
        lines.append(f"| {name} | {areas.mean():.3f}{spread} | " + " | ".join(f"{value:.3f}" for value in found)
                     + " | " + " ".join(f"{area:.3f}" for area in areas) + " |")
    for folder, result in results.items():
        best = max(cell["auc"] for cell in result["rankings"].values())
        entry = result["aggregate"]
        lines.append(f"{folder}: aggregate less the best ranking {entry['auc'] - best:+.3f}; they agree on {entry['agreement']} of {result['top']}, "
                     f"{entry['wrong of those agreed on']} of which are wrong; of all {result['top']}, {entry['wrong of the first']}")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--top", type=int, default=100)
    parser.add_argument("--neighbours", type=int, default=20)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    results = {}
    for folder in options.folders:
        results[str(folder)] = expected(folder, options)
        print(table({str(folder): results[str(folder)]}), flush=True)
    print(table(results))
    if options.output:
        options.output.write_text(json.dumps({"about": ABOUT, "folders": results}) + "\n")
