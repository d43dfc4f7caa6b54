"""What each method's agreement with exact gains over another's, query by query, from a run of `influence compare`.

    influence compare --output RUN && python3 scripts/query_intervals.py RUN      # needs numpy

Prints Pearson's correlation with exact over the training examples: of each query, as a mean with a 95 % interval by Student's
distribution over the queries, and of the mean query. Then the same for the differences of hessian-free, block-normalized and
datainf: the scaling of blocks and DataInf's own term. All queries are of one model, so an interval says nothing of others.
"""

import sys
from pathlib import Path

import numpy as np

from paired_intervals import interval


def pearson(a, b):
    a, b = (x - x.mean(1, keepdims=True) for x in (a, b))
    return (a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1))


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        raise SystemExit(__doc__)
    scores = {path.stem: np.load(path).astype(float) for path in sorted((Path(sys.argv[1]) / "scores").glob("*.npy"))}
    exact = scores.pop("exact")
    each = {name: pearson(matrix, exact) for name, matrix in scores.items()}
    whole = {name: pearson(matrix.mean(0, keepdims=True), exact.mean(0, keepdims=True))[0] for name, matrix in scores.items()}

    def report(title, queries, mean_query):
        middle, half = interval(list(map(float, queries)))
        print(f"{title:40} each query {middle:+.4f} ± {half:.4f}, mean query {mean_query:+.4f}")

    for name in each:
        report(name, each[name], whole[name])
    for title, a, b in (("scaling of blocks", "block-normalized", "hessian-free"), ("DataInf's own term", "datainf", "block-normalized")):
        if a in each and b in each:
            report(title, each[a] - each[b], whole[a] - whole[b])


if __name__ == "__main__":
    main()
