"""EK-FAC and exact scores by `influence`, by PyTorch and by kronfluence, by turns in one run.

    python ekfac.py --influence ../../.build/release/influence --data DIR [--repeats 5] [--hidden 62]

A perceptron of 155 inputs and 10 classes, without biases, on 1,000 seeded examples, with 100 queries; the first layer has hidden x 155 =
9,610 columns. Its gradients and factors are exported once (scripts/exporter), with the eigenvalues left to whoever scores. Seconds are

    influence     the whole command and, beside it, its fit and score alone, from the exported store
    PyTorch       eigenvectors of both factors in float64, gradients in memory rotated by two products per layer, means of squares,
                  scores: what a careful user writes
    kronfluence   fitting covariances, eigenvectors and eigenvalues, and pairwise scores; it takes the gradients itself, from the
                  model, which is a small part here

All three share a damping of a tenth of each layer's mean eigenvalue. Correlations of scores are printed, so that all three
are seen to have done the same.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts/exporter"))
INPUTS, CLASSES, ROWS, QUERIES = 155, 10, 1000, 100


def network(hidden):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(INPUTS, hidden, bias=False), nn.Tanh(), nn.Linear(hidden, CLASSES, bias=False))


def examples(seed, rows):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, INPUTS, generator=generator)
    return x, torch.randint(0, CLASSES, (rows,), generator=generator)


def loss(model, batch):
    return nn.functional.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def stores(model, data, hidden):
    from influence_export import export

    folder = data / f"mlp-{hidden}"
    for name, seed, rows, factors in [("train", 1, ROWS, True), ("query", 2, QUERIES, False)]:
        x, y = examples(seed, rows)
        export(model, loss, [{"x": x, "y": y}], folder / name, parameters="trainable", factors=factors, quiet=True)
    return folder


def by_influence(binary, folder, method):
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "scores.npy"
        start = time.perf_counter()
        subprocess.run([binary, "score", "--train", folder / "train", "--query", folder / "query", "--method", method,
                        "--no-certificate", "--quiet", "--output", output], check=True, stdout=subprocess.DEVNULL)
        whole = time.perf_counter() - start
        record = json.loads(output.with_name("scores.npy.json").read_text())
        return whole, record, np.load(output)


def layers(model, x, y):
    """Each layer's inputs, and gradients of its outputs, for every example."""
    hidden = torch.tanh(model[0](x))
    outputs = torch.softmax(model[2](hidden), 1) - nn.functional.one_hot(y, CLASSES)
    back = (outputs @ model[2].weight) * (1 - hidden**2)
    return [(x, back), (hidden, outputs)]


@torch.no_grad()
def gradients(model, x, y):
    return [s.unsqueeze(2) * a.unsqueeze(1) for a, s in layers(model, x, y)]


@torch.no_grad()
def by_torch(model, train, query, factors):
    total = 0
    for g, v, (a, s) in zip(train, query, factors):
        _, right = torch.linalg.eigh(a)
        _, left = torch.linalg.eigh(s)
        right, left = right.float(), left.float()
        rotated, asked = left.T @ g @ right, left.T @ v @ right
        eigenvalues = (rotated**2).mean(0)
        asked = asked / (eigenvalues + 0.1 * eigenvalues.mean())
        total = total + asked.flatten(1) @ rotated.flatten(1).T
    return total


def by_kronfluence(model, train, query):
    from kronfluence.analyzer import Analyzer, prepare_model
    from kronfluence.arguments import FactorArguments, ScoreArguments
    from kronfluence.task import Task
    from torch.utils.data import TensorDataset

    class Classification(Task):
        def compute_train_loss(self, batch, model, sample=False):
            return nn.functional.cross_entropy(model(batch[0]), batch[1], reduction="sum")

        def compute_measurement(self, batch, model):
            return self.compute_train_loss(batch, model)

    with tempfile.TemporaryDirectory() as scratch:
        task = Classification()
        analyzer = Analyzer("run", prepare_model(model, task), task, cpu=True, disable_tqdm=True, output_dir=scratch)
        start = time.perf_counter()
        analyzer.fit_all_factors("ekfac", TensorDataset(*train), per_device_batch_size=250,
                                 factor_args=FactorArguments(strategy="ekfac", use_empirical_fisher=True))
        analyzer.compute_pairwise_scores("scores", "ekfac", TensorDataset(*query), TensorDataset(*train),
                                         per_device_query_batch_size=100, per_device_train_batch_size=250,
                                         score_args=ScoreArguments(damping_factor=None))
        taken = time.perf_counter() - start
        return taken, analyzer.load_pairwise_scores("scores")["all_modules"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--influence", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--hidden", type=int, default=62)
    options = parser.parse_args()
    model = network(options.hidden)
    folder = stores(model, options.data, options.hidden)
    train, query = examples(1, ROWS), examples(2, QUERIES)
    held, asked = gradients(model, *train), gradients(model, *query)
    with torch.no_grad():
        factors = [((a.T @ a).double() / ROWS, (s.T @ s).double() / ROWS) for a, s in layers(model, *train)]
    times, scores = {}, {}

    def note(name, seconds, values=None):
        times.setdefault(name, []).append(seconds)
        if values is not None:
            scores[name] = np.asarray(values, dtype=np.float64)

    kronfluence = True
    for _ in range(options.repeats):
        whole, record, values = by_influence(options.influence, folder, "ekfac")
        note("influence, whole command", whole)
        note("influence, fit and score", record["seconds"]["fit"] + record["seconds"]["score"], values)
        start = time.perf_counter()
        values = by_torch(model, held, asked, factors)
        note("PyTorch", time.perf_counter() - start, values)
        if kronfluence:
            try:
                note("kronfluence", *by_kronfluence(network(options.hidden), train, query))
            except ImportError as error:
                print(f"without kronfluence: {error}")
                kronfluence = False
    print(f"n = {ROWS}, m = {QUERIES}, {options.hidden * INPUTS:,} and {CLASSES * options.hidden:,} columns; PyTorch "
          f"{torch.__version__}, {torch.get_num_threads()} threads; medians of {options.repeats}, milliseconds")
    ours = statistics.median(times["influence, fit and score"])
    for name, values in times.items():
        median = statistics.median(values)
        print(f"{name:26} {1e3 * median:9.1f}   {median / ours:7.2f} x ours")
    reference = scores["PyTorch"]
    for name, values in scores.items():
        print(f"{name:26} correlation with PyTorch's {np.corrcoef(values.ravel(), reference.ravel())[0, 1]:.9f}, "
              f"largest ratio of scores {np.abs(values).max() / np.abs(reference).max():.6f}")


if __name__ == "__main__":
    main()
