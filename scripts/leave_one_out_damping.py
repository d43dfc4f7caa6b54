"""Whether K-FAC or the exact empirical Fisher matrix foretells leaving one out better depends on λ and on blocks.

    python3 scripts/leave_one_out_damping.py [--seeds 20] [--penalty 0.01]      # needs numpy

Repeats the softmax regression of docs/results/leave-one-out.md on the same digits with draws of its own: 600 training
examples, 200 queries, every example left out in turn. Prints Spearman's correlation with the truth, mean over queries,
for λ of 0.1 times the mean eigenvalue of each block or λ = α, and for one block per tensor or one for all parameters,
with 95 % intervals by Student's distribution over seeds.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from paired_intervals import interval

DIGITS = Path(__file__).resolve().parents[1] / "Tests" / "DataTests" / "Fixtures" / "digits.csv"
TRAINING, QUERIES, CLASSES = 600, 200, 10


def softmax(logits):
    p = np.exp(logits - logits.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def hessian(p, X, penalty):
    """Of the mean loss and its penalty; parameters are classes × features, row by row."""
    width = CLASSES * X.shape[1]
    H = -np.einsum("ia,ib,ij,ik->ajbk", p, p, X, X, optimize=True)
    H[range(CLASSES), :, range(CLASSES), :] += np.einsum("ia,ij,ik->ajk", p, X, X, optimize=True)
    return H.reshape(width, width) / len(X) + penalty * np.eye(width)


def minimum(X, Y, penalty):
    theta = np.zeros((CLASSES, X.shape[1]))
    while True:
        p = softmax(X @ theta.T)
        slope = (p - Y).T @ X / len(X) + penalty * theta
        if np.linalg.norm(slope) < 1e-11:
            return theta
        theta = theta - np.linalg.solve(hessian(p, X, penalty), slope.ravel()).reshape(theta.shape)


def without_each(theta, X, Y, penalty):
    """The minimum without each example, by Newton steps with the Hessian at `theta` less the example's own part."""
    n, width = X.shape
    p = softmax(X @ theta.T)
    inverse = np.linalg.inv(hessian(p, X, penalty))
    roots = np.sqrt(p)[:, :, None] * (np.eye(CLASSES) - np.sqrt(p)[:, :, None] * np.sqrt(p)[:, None, :]) / np.sqrt(n)
    own = np.einsum("icr,ij->icjr", roots, X).reshape(n, CLASSES * width, CLASSES)
    solved = np.stack([inverse @ u for u in own])
    small = np.linalg.inv(np.eye(CLASSES) - np.einsum("idr,ids->irs", own, solved))
    thetas = np.repeat(theta[None], n, 0)
    for _ in range(200):
        q = softmax(np.einsum("icj,kj->ikc", thetas, X, optimize=True)) - Y
        q[range(n), range(n)] = 0
        slopes = np.einsum("ikc,kj->icj", q, X, optimize=True) / n + penalty * thetas
        if np.linalg.norm(slopes.reshape(n, -1), axis=1).max() < 1e-9:
            return thetas
        steps = slopes.reshape(n, -1) @ inverse
        part = np.einsum("irs,is->ir", small, np.einsum("idr,id->ir", solved, slopes.reshape(n, -1)))
        thetas = thetas - (steps + np.einsum("idr,ir->id", solved, part)).reshape(thetas.shape)
    raise SystemExit("leaving one out did not reach its minimum")


def losses(thetas, X, labels):
    p = softmax(np.einsum("icj,kj->ikc", thetas, X, optimize=True))
    return -np.log(p[:, range(len(X)), labels]).T


def spearman(a, b):
    ranks = [np.argsort(np.argsort(x, axis=1), axis=1) - (x.shape[1] - 1) / 2 for x in (a, b)]
    return np.mean((ranks[0] * ranks[1]).sum(1) / np.sqrt((ranks[0] ** 2).sum(1) * (ranks[1] ** 2).sum(1)))


def one_seed(pixels, labels, seed, penalty):
    generator = np.random.default_rng(seed)
    drawn = generator.permutation(len(pixels))[: TRAINING + QUERIES]
    train, query = drawn[:TRAINING], drawn[TRAINING:]
    X, Z = ([np.c_[pixels[rows], np.ones(len(rows))] for rows in (train, query)])
    Y, W = (np.eye(CLASSES)[labels[rows]] for rows in (train, query))
    theta = minimum(X, Y, penalty)
    truth = losses(without_each(theta, X, Y, penalty), Z, labels[query]) - losses(theta[None], Z, labels[query])
    p = softmax(X @ theta.T)
    sampled = (p.cumsum(1) > generator.random((len(X), 1))).argmax(1)
    s, t, own = p - Y, softmax(Z @ theta.T) - W, p - np.eye(CLASSES)[sampled]
    G, V = (np.einsum("ic,ij->icj", a, b) for a, b in ((s, X), (t, Z)))
    S, A = own.T @ own / len(X), X.T @ X / len(X)
    bias = X.shape[1] - 1
    found = {"exact-hessian": spearman(flat(V) @ np.linalg.solve(hessian(p, X, penalty), flat(G).T), truth)}
    for blocks, cuts in (("tensor", [slice(0, bias), slice(bias, None)]), ("all", [slice(None)])):
        for name in ("0.1 of the mean", "α"):
            scores = {"exact": 0, "kfac": 0}
            for cut in cuts:
                g, v = flat(G[:, :, cut]), flat(V[:, :, cut])
                damping = 0.1 * (g**2).sum() / g.size if name != "α" else penalty
                F = g.T @ g / len(g) + damping * np.eye(g.shape[1])
                K = np.kron(S, A[cut, cut]) + damping * np.eye(g.shape[1])
                scores["exact"] += v @ np.linalg.solve(F, g.T)
                scores["kfac"] += v @ np.linalg.solve(K, g.T)
            for method, matrix in scores.items():
                found[f"{method}, blocks {blocks}, λ = {name}"] = spearman(matrix, truth)
    return found


def flat(gradients):
    return gradients.reshape(len(gradients), -1)


def digits():
    """Pixels from 0 to 1, and labels."""
    with DIGITS.open(newline="") as file:
        table = np.array([[int(cell) for cell in row] for row in list(csv.reader(file))[1:]])
    return table[:, :-1] / 16, table[:, -1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--penalty", type=float, default=0.01)
    arguments = parser.parse_args()
    pixels, labels = digits()
    runs = [one_seed(pixels, labels, seed, arguments.penalty) for seed in range(arguments.seeds)]
    for name in runs[0]:
        mean, half = interval([run[name] for run in runs])
        print(f"{name:42} {mean:.3f} ± {half:.3f}")
    for setting in [name[7:] for name in runs[0] if name.startswith("exact, ")]:
        mean, half = interval([run["exact, " + setting] - run["kfac, " + setting] for run in runs])
        print(f"exact less kfac, {setting:25} {mean:+.3f} ± {half:.3f}")


if __name__ == "__main__":
    main()
