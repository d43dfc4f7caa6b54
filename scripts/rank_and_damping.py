"""Whether DataInf's distance from exact grows with LoRA's rank by itself, or because λ changes with the number of columns.

    python3 scripts/rank_and_damping.py [--seeds 10]      # needs numpy

Repeats docs/results/approximation-error.md in numpy with draws of its own: a tanh perceptron (64, 128, 64, 10) trained on 597
digits, adapters of rank r on its hidden layers and the head trained on 900 others of which a fifth have wrong labels, scores of
200 clean digits. λ of each block is 0.1·tr(F)/d, or 0.1·tr(F)/d₁ with d₁ the block's columns at rank 1, which is the same share
of tr(F) at every rank. Prints Pearson's correlation with exact for the mean query, with 95 % intervals over seeds.
"""

import argparse

import numpy as np

from leave_one_out_damping import digits, softmax
from paired_intervals import interval

HIDDEN, BASE, TRAINING, QUERIES, RANKS = (128, 64), 597, 900, 200, (1, 2, 4, 8)
METHODS = ("hessian-free", "block-normalized", "datainf")


def weight(parameters, layer):
    W = parameters[f"W{layer}"]
    return W + 2 * parameters[f"B{layer}"] @ parameters[f"A{layer}"] if f"A{layer}" in parameters else W


def backward(parameters, X, Y):
    """What each layer reads, and the gradient of each example's loss by what it gives."""
    read = [X]
    for layer in range(2):
        read.append(np.tanh(read[-1] @ weight(parameters, layer).T + parameters[f"b{layer}"]))
    deltas = [softmax(read[2] @ weight(parameters, 2).T + parameters["b2"]) - Y]
    for layer in (1, 0):
        deltas.insert(0, deltas[0] @ weight(parameters, layer + 1) * (1 - read[layer + 1] ** 2))
    return read, deltas


def blocks(parameters, X, Y, names):
    """Each example's gradient by each trained tensor, n × columns."""
    read, deltas = backward(parameters, X, Y)
    found = {}
    for name in names:
        kind, layer = name[0], int(name[1])
        s, x = deltas[layer], read[layer]
        if kind == "A":
            s = 2 * s @ parameters[f"B{layer}"]
        elif kind == "B":
            x = 2 * x @ parameters[f"A{layer}"].T
        found[name] = s if kind == "b" else np.einsum("ni,nj->nij", s, x).reshape(len(X), -1)
    return found


def train(parameters, names, X, Y, epochs, generator, rate=2e-3, decay=0.01):
    first, second, step = {n: 0 for n in names}, {n: 0 for n in names}, 0
    for _ in range(epochs):
        order = generator.permutation(len(X))
        for start in range(0, len(X), 32):
            rows, step = order[start : start + 32], step + 1
            for name, gradient in blocks(parameters, X[rows], Y[rows], names).items():
                g = gradient.mean(0).reshape(parameters[name].shape)
                first[name] = 0.9 * first[name] + 0.1 * g
                second[name] = 0.999 * second[name] + 0.001 * g * g
                move = first[name] / (1 - 0.9**step) / (np.sqrt(second[name] / (1 - 0.999**step)) + 1e-8)
                parameters[name] = parameters[name] * (1 - rate * decay) - rate * move


def scores(G, V, damping):
    """Of the mean query, by each method and by exact."""
    n, v = len(G), V.mean(0)
    c, norms = G @ v, (G * G).sum(1)
    exact = np.linalg.solve(G.T @ G / n + damping * np.eye(G.shape[1]), v) @ G.T
    return np.array([c, c / damping, (c - G @ (G.T @ (c / (damping + norms))) / n) / damping, exact])


def one_seed(pixels, labels, seed):
    generator = np.random.default_rng(seed)
    drawn = generator.permutation(len(pixels))
    base, rows, queries = np.split(drawn[: BASE + TRAINING + QUERIES], [BASE, BASE + TRAINING])
    one_hot = np.eye(10)
    noisy = labels[rows].copy()
    wrong = generator.permutation(TRAINING)[: TRAINING // 5]
    noisy[wrong] = (noisy[wrong] + generator.integers(1, 10, len(wrong))) % 10
    widths = (64, *HIDDEN, 10)
    start = {}
    for layer in range(3):
        start[f"W{layer}"] = generator.normal(size=(widths[layer + 1], widths[layer])) / np.sqrt(widths[layer])
        start[f"b{layer}"] = np.zeros(widths[layer + 1])
    train(start, list(start), pixels[base], one_hot[labels[base]], 10, generator)
    found = {}
    for rank in RANKS:
        model = dict(start)
        for layer in range(2):
            model[f"A{layer}"] = generator.normal(size=(rank, widths[layer])) / rank
            model[f"B{layer}"] = np.zeros((widths[layer + 1], rank))
        names = ["A0", "B0", "A1", "B1", "W2", "b2"]
        train(model, names, pixels[rows], one_hot[noisy], 20, generator)
        G = blocks(model, pixels[rows], one_hot[noisy], names)
        V = blocks(model, pixels[queries], one_hot[labels[queries]], names)
        for rule in ("d", "d₁"):
            total = np.zeros((4, TRAINING))
            for name in names:
                columns = G[name].shape[1] // (rank if rule == "d₁" and name[0] in "AB" else 1)
                total += scores(G[name], V[name], 0.1 * (G[name] ** 2).sum() / TRAINING / columns)
            for method, row in zip(METHODS, total):
                found[rule, method, rank] = np.corrcoef(row, total[3])[0, 1]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    pixels, labels = digits()
    runs = [one_seed(pixels, labels, seed) for seed in range(parser.parse_args().seeds)]
    for rule in ("d", "d₁"):
        for method in METHODS:
            row = ["%.3f ± %.3f" % interval([run[rule, method, rank] for run in runs]) for rank in RANKS]
            fall = "%+.3f ± %.3f" % interval([run[rule, method, 1] - run[rule, method, 8] for run in runs])
            print(f"λ = 0.1·tr(F)/{rule:2} {method:16} " + "  ".join(row) + f"  rank 1 less rank 8: {fall}")


if __name__ == "__main__":
    main()
