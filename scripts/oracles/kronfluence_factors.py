"""Factors and scores of a small network of tokens by kronfluence, and its per-example gradients by autograd.

    python kronfluence_factors.py     writes Tests/InfluenceTests/Fixtures/kronfluence/

The network reads three tokens of four numbers: a layer with a bias, one without, the mean over tokens, and a head with a bias.
kronfluence fits EK-FAC of the empirical Fisher matrix in float64 on twelve examples and scores three queries, once with its own
damping (a tenth of each layer's mean eigenvalue) and once with 0.001. Written are

    factors_ekfac/          the folder that kronfluence wrote
    train.safetensors       per-example gradients of the summed loss, a tensor per parameter, float64
    query.safetensors       those of the queries
    expected.safetensors    heuristic, absolute: kronfluence's pairwise scores, queries x examples; self: its self-influence at 0.001;
                            kfac: scores by (S x A + 0.001)^-1 with numpy, A the mean over tokens and S the mean over examples of
                            their sums over tokens, as `influence` takes it (kronfluence takes the mean over tokens of both)
"""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from kronfluence.analyzer import Analyzer, prepare_model
from kronfluence.arguments import FactorArguments, ScoreArguments
from kronfluence.task import Task
from safetensors.numpy import load_file, save_file
from torch import nn
from torch.utils.data import TensorDataset

OUTPUT = Path(__file__).resolve().parents[2] / "Tests/InfluenceTests/Fixtures/kronfluence"
TRAIN, QUERIES, TOKENS, DAMPING = 12, 3, 3, 1e-3


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 5)
        self.second = nn.Linear(5, 4, bias=False)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return self.head(torch.tanh(self.second(torch.tanh(self.first(x)))).mean(1))


class Classification(Task):
    def compute_train_loss(self, batch, model, sample=False):
        assert not sample
        return nn.functional.cross_entropy(model(batch[0]), batch[1], reduction="sum")

    def compute_measurement(self, batch, model):
        return self.compute_train_loss(batch, model)


def gradients(model, inputs, labels):
    rows = {name: [] for name, _ in model.named_parameters()}
    for x, y in zip(inputs, labels):
        model.zero_grad()
        nn.functional.cross_entropy(model(x[None]), y[None]).backward()
        for name, parameter in model.named_parameters():
            rows[name].append(parameter.grad.numpy().copy())
    return {name: np.stack(values) for name, values in rows.items()}


def matrices(found):
    """Weight and bias of each layer as one matrix."""
    layers = sorted({name.rsplit(".", 1)[0] for name in found})
    return {
        layer: np.concatenate([found[f"{layer}.weight"], found[f"{layer}.bias"][:, :, None]], 2)
        if f"{layer}.bias" in found else found[f"{layer}.weight"]
        for layer in layers
    }


def part(folder, name):
    return load_file(folder / f"{name}.safetensors")


def check_and_complete(folder, train, query, expected):
    """Scores from kronfluence's own files by d x d matrices: its own, which must agree, and those by K-FAC."""
    sums = {name: part(folder, name) for name in (
        "activation_covariance", "gradient_covariance", "num_activation_covariance_processed", "activation_eigenvectors",
        "gradient_eigenvectors", "lambda_matrix", "num_lambda_processed")}
    own = {"heuristic": 0, "absolute": 0, "kfac": 0}
    for layer, g in matrices(train).items():
        v = matrices(query)[layer].reshape(QUERIES, -1)
        g = g.reshape(TRAIN, -1)
        Q = np.kron(sums["gradient_eigenvectors"][layer], sums["activation_eigenvectors"][layer])
        moments = (sums["lambda_matrix"][layer] / sums["num_lambda_processed"][layer]).reshape(-1)
        for name, shift in (("heuristic", 0.1 * moments.mean()), ("absolute", DAMPING)):
            own[name] = own[name] + v @ Q @ np.diag(1 / (moments + shift)) @ Q.T @ g.T
        A = sums["activation_covariance"][layer] / sums["num_activation_covariance_processed"][layer]
        S = sums["gradient_covariance"][layer] / TRAIN
        own["kfac"] = own["kfac"] + v @ np.linalg.inv(np.kron(S, A) + DAMPING * np.eye(g.shape[1])) @ g.T
    for name in ("heuristic", "absolute"):
        difference = np.abs(own[name] - expected[name]).max() / np.abs(expected[name]).max()
        assert difference < 1e-9, (name, difference)
        print(f"{name}: kronfluence and its files by d x d matrices differ by {difference:.1e}")
    expected["kfac"] = own["kfac"]


def main():
    torch.manual_seed(7)
    double = torch.float64
    model = Network().double()
    x, y = torch.randn(TRAIN + QUERIES, TOKENS, 4, dtype=double), torch.randint(3, (TRAIN + QUERIES,))
    train, query = (gradients(model, x[rows], y[rows]) for rows in (slice(TRAIN), slice(TRAIN, None)))
    OUTPUT.mkdir(parents=True, exist_ok=True)
    save_file(train, OUTPUT / "train.safetensors")
    save_file(query, OUTPUT / "query.safetensors")
    task = Classification()
    prepared = prepare_model(model, task)
    train_set, query_set = TensorDataset(x[:TRAIN], y[:TRAIN]), TensorDataset(x[TRAIN:], y[TRAIN:])
    expected = {}
    with tempfile.TemporaryDirectory() as folder:
        analyzer = Analyzer("small", prepared, task, cpu=True, disable_tqdm=True, output_dir=folder)
        analyzer.fit_all_factors(
            "ekfac", dataset=train_set, per_device_batch_size=5,
            factor_args=FactorArguments(
                strategy="ekfac", use_empirical_fisher=True, activation_covariance_dtype=double,
                gradient_covariance_dtype=double, per_sample_gradient_dtype=double, lambda_dtype=double))
        for name, damping in (("heuristic", None), ("absolute", DAMPING)):
            arguments = ScoreArguments(
                damping_factor=damping, per_sample_gradient_dtype=double, precondition_dtype=double, score_dtype=double,
                query_gradient_svd_dtype=double)
            analyzer.compute_pairwise_scores(
                name, factors_name="ekfac", query_dataset=query_set, train_dataset=train_set,
                per_device_query_batch_size=2, per_device_train_batch_size=5, score_args=arguments)
            expected[name] = analyzer.load_pairwise_scores(name)["all_modules"].numpy()
            if damping is not None:
                analyzer.compute_self_scores(
                    name, factors_name="ekfac", train_dataset=train_set, per_device_train_batch_size=5,
                    score_args=arguments)
                expected["self"] = analyzer.load_self_scores(name)["all_modules"].numpy()
        written = Path(folder) / "small" / "factors_ekfac"
        shutil.rmtree(OUTPUT / "factors_ekfac", ignore_errors=True)
        shutil.copytree(written, OUTPUT / "factors_ekfac")
    check_and_complete(OUTPUT / "factors_ekfac", train, query, expected)
    save_file({name: np.ascontiguousarray(value) for name, value in expected.items()}, OUTPUT / "expected.safetensors")
    for path in sorted(OUTPUT.rglob("*")):
        if path.is_file():
            print(path.relative_to(OUTPUT), path.stat().st_size)


if __name__ == "__main__":
    main()
