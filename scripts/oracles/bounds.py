"""Exact scores of ill-conditioned problems in 200-bit arithmetic, for the test that no bound is broken.

    python bounds.py     writes Tests/InfluenceTests/Fixtures/bounds/problems.safetensors

Fifty problems of one block. Gradients are float32, and the truth is what they mean exactly: F = G'G/n and
lambda = factor * tr(F)/d are formed without rounding, and (F + lambda I) x = v is solved with 200-bit significands by
elimination with partial pivoting (mpmath's lu_solve), which shares no formula with the Cholesky factors, kernels and
residuals of the library. Scores G x are then rounded to float64.
"""

from pathlib import Path

import mpmath
import numpy as np
from safetensors.numpy import save_file

OUTPUT = Path(__file__).resolve().parents[2] / "Tests" / "InfluenceTests" / "Fixtures" / "bounds"
PROBLEMS = 50
FACTORS = [0.1, 1e-3, 1e-5, 1e-7, 1e-9]  # of the mean eigenvalue
mpmath.mp.prec = 200


def problem(seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Gradients n x d and queries m x d in float32, with the damping's factor."""
    random = np.random.default_rng(seed)
    n, d = (int(24 ** random.uniform(0, 1)) for _ in range(2))
    decades = random.uniform(0, 6)
    weights = 10 ** np.linspace(0, -decades, d) * 10 ** random.uniform(-3, 3)
    mean = random.normal(size=d) * (30 if seed % 3 == 0 else 0)

    def rows(count):
        made = (random.normal(size=(count, d)) + mean) * weights
        if seed % 5 == 0:
            made[1::2] = made[0::2][: len(made[1::2])]  # every second row repeats the one before
        return made.astype(np.float32)

    return rows(n), rows(2), FACTORS[seed % len(FACTORS)]


def exact(gradients: np.ndarray, queries: np.ndarray, factor: float) -> tuple[np.ndarray, float]:
    """V (F + lambda I)^-1 G', and lambda."""
    g = mpmath.matrix(gradients.astype(float).tolist())
    n, d = gradients.shape
    fisher = g.T * g / n
    damping = mpmath.mpf(factor) * sum(fisher[i, i] for i in range(d)) / d
    shifted = fisher + damping * mpmath.eye(d)
    scores = []
    for query in queries:
        x = mpmath.lu_solve(shifted, mpmath.matrix(query.astype(float).tolist()))
        scores.append([float(value) for value in g * x])
    return np.array(scores), float(damping)


def main() -> None:
    tensors = {}
    for seed in range(PROBLEMS):
        gradients, queries, factor = problem(seed)
        scores, damping = exact(gradients, queries, factor)
        tensors[f"{seed}.gradients"] = gradients
        tensors[f"{seed}.queries"] = queries
        tensors[f"{seed}.scores"] = scores
        tensors[f"{seed}.factor_and_damping"] = np.array([factor, damping])
    OUTPUT.mkdir(parents=True, exist_ok=True)
    save_file(tensors, OUTPUT / "problems.safetensors")


if __name__ == "__main__":
    main()
