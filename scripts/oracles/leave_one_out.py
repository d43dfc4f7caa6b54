"""What leaving one example out does to convex models, each trained anew from zero, in float64.

    python leave_one_out.py     writes Tests/EvaluationTests/Fixtures/leave_one_out.{safetensors,json}

Ridge regression is solved as a system without the example. Logistic and softmax regression are minimised by Newton's
method with derivatives by torch.func, and checked against scikit-learn.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from sklearn.linear_model import LogisticRegression, Ridge
from torch.func import grad, hessian

OUTPUT = Path(__file__).resolve().parents[2] / "Tests" / "EvaluationTests" / "Fixtures"
SEED = 91
TRAIN_ROWS, QUERY_ROWS, WIDTH = 24, 4, 3
RIDGE_PENALTY, PENALTY = 0.6, 0.05
CLASSES = 3

ABOUT = {
    "changes": "m x n: loss of query q after training without example i, less the loss with all examples",
    "ridge": "sum (y - x.theta)^2 / 2 + (penalty / 2) |theta|^2; no intercept; a query's loss is (y - x.theta)^2 / 2",
    "logistic": "(1/n) sum of log(1 + exp(-(2y - 1) theta.(x, 1))) + (penalty / 2) |theta|^2, all of theta penalised; "
    "without an example its term is taken away, and 1/n stays",
    "softmax": "(1/n) sum of cross-entropy of W x + b + (penalty / 2) (|W|^2 + |b|^2); parameters are W row by row, then b",
    "influence": "m x n: V inverse(H) G^T / n, H the Hessian of the objective; of ridge without 1/n",
}


def newton(objective, width):
    """The minimum of a convex function of torch, from zero, to the last digits."""
    theta = torch.zeros(width)
    for _ in range(60):
        slope = grad(objective)(theta)
        if slope.norm() < 1e-15:
            break
        step = torch.linalg.solve(hessian(objective)(theta), slope)
        length = 1.0
        while objective(theta - length * step) > objective(theta) + 1e-14:
            length /= 2
        theta = theta - length * step
    assert slope.norm() < 1e-13
    return theta


def retrained(loss, inputs, labels, queries, query_labels, width, penalty, share):
    """Parameters, changes and influence of a loss(theta, x, y) of one example with the weight `share`."""

    def objective(kept):
        return lambda theta: share * sum(loss(theta, inputs[i], labels[i]) for i in kept) + penalty / 2 * theta @ theta

    everything = range(len(inputs))
    theta = newton(objective(everything), width)

    def query_losses(at):
        return torch.stack([loss(at, x, y) for x, y in zip(queries, query_labels)])

    columns = []
    for left_out in everything:
        without = newton(objective([i for i in everything if i != left_out]), width)
        columns.append(query_losses(without) - query_losses(theta))
    G = torch.stack([grad(loss)(theta, x, y) for x, y in zip(inputs, labels)])
    V = torch.stack([grad(loss)(theta, x, y) for x, y in zip(queries, query_labels)])
    influence = share * V @ torch.linalg.solve(hessian(objective(everything))(theta), G.T)
    return {"parameters": theta, "changes": torch.stack(columns, 1), "influence": influence}


def squared(theta, x, y):
    return (y - x @ theta) ** 2 / 2


def logistic(theta, x, y):
    return torch.nn.functional.softplus(-(2 * y - 1) * (x @ theta[:-1] + theta[-1]))


def softmax(theta, x, y):
    W, b = theta[: CLASSES * WIDTH].reshape(CLASSES, WIDTH), theta[CLASSES * WIDTH :]
    return torch.nn.functional.cross_entropy((W @ x + b)[None], y[None])


def agree(name, found, expected, tolerance):
    difference = float(np.abs(found - expected).max() / np.abs(expected).max())
    print(f"{name}: {difference:.1e} from scikit-learn")
    assert difference < tolerance


def main():
    torch.set_default_dtype(torch.float64)
    generator = torch.Generator().manual_seed(SEED)
    rows = torch.randn(TRAIN_ROWS + QUERY_ROWS, WIDTH, generator=generator) * torch.tensor([1.5, 1.0, 0.6])
    noise = torch.randn(len(rows), CLASSES, generator=generator)
    targets = rows @ torch.tensor([1.0, -0.5, 0.3]) + noise[:, 0]
    classes = torch.argmax(rows @ torch.randn(WIDTH, CLASSES, generator=generator) + noise, 1)
    two = (targets > 0.2).long()
    train, query = slice(0, TRAIN_ROWS), slice(TRAIN_ROWS, None)

    tensors = {"features": rows[train], "query_features": rows[query]}
    tensors |= {"ridge.targets": targets[train], "ridge.query_targets": targets[query]}
    share = 1 / TRAIN_ROWS
    for name, loss, y, width, penalty, weight in (
        ("ridge", squared, targets, WIDTH, RIDGE_PENALTY, 1.0),
        ("logistic", logistic, two, WIDTH + 1, PENALTY, share),
        ("softmax", softmax, classes, CLASSES * (WIDTH + 1), PENALTY, share),
    ):
        found = retrained(loss, rows[train], y[train], rows[query], y[query], width, penalty, weight)
        tensors |= {f"{name}.{key}": value for key, value in found.items()}
    tensors = {name: np.ascontiguousarray(value.numpy()) for name, value in tensors.items()}

    # scikit-learn sums losses, with 1/C the penalty; an intercept that is penalised is a feature that is 1.
    warnings.simplefilter("ignore")
    X = rows[train].numpy()
    ones = np.concatenate([X, np.ones((len(X), 1))], 1)
    settings = dict(C=1 / (TRAIN_ROWS * PENALTY), fit_intercept=False, tol=1e-13, max_iter=10000)
    ridge = Ridge(alpha=RIDGE_PENALTY, fit_intercept=False, solver="cholesky").fit(X, targets[train].numpy())
    agree("ridge", tensors["ridge.parameters"], ridge.coef_, 1e-12)
    binary = LogisticRegression(**settings).fit(ones, two[train].numpy())
    agree("logistic", tensors["logistic.parameters"], binary.coef_[0], 1e-6)
    several = LogisticRegression(**settings).fit(ones, classes[train].numpy()).coef_
    joined = np.concatenate([several[:, :WIDTH].ravel(), several[:, WIDTH]])
    agree("softmax", tensors["softmax.parameters"], joined, 1e-6)

    OUTPUT.mkdir(parents=True, exist_ok=True)
    save_file(tensors, OUTPUT / "leave_one_out.safetensors")
    description = {
        "about": ABOUT,
        "seed": SEED,
        "ridge_penalty": RIDGE_PENALTY,
        "penalty": PENALTY,
        "class_count": CLASSES,
        "two_classes": two.tolist(),
        "classes": classes.tolist(),
    }
    (OUTPUT / "leave_one_out.json").write_text(json.dumps(description, indent=1) + "\n")
    for name in ("ridge", "logistic", "softmax"):
        changes, influence = tensors[f"{name}.changes"].ravel(), tensors[f"{name}.influence"].ravel()
        print(f"{name}: correlation of changes with influence {np.corrcoef(changes, influence)[0, 1]:.4f}")
    print(f"{len(tensors)} tensors, {(OUTPUT / 'leave_one_out.safetensors').stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
