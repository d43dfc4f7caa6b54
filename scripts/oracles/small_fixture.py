"""Reference influence scores from the most naive formulas, in float64 numpy.

    python small_fixture.py                 writes Tests/InfluenceTests/Fixtures/small-lora/
    python small_fixture.py --check DIR     recomputes DIR's expected_scores.safetensors and prints the differences

Per block, G is n x d (a training example's gradient per row), V is m x d (a query's), F = G^T G / n and
lambda = factor * mean_i ||g_i||^2 / d. Every estimator is an approximate inverse M of F + lambda I applied to a query,
x = M v, and a score is S[q, i] = sum over blocks of x_q . g_i: positive where the example lowers the query's loss.

Nothing here is clever, on purpose: F is formed, means are taken over explicit inverses, recursions are run step by
step. The engine gets the same numbers through small kernels (C = V G^T and K = G G^T), so agreement means something.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

REPOSITORY = Path(__file__).resolve().parents[2]
OUTPUT = REPOSITORY / "Tests" / "InfluenceTests" / "Fixtures" / "small-lora"

SEED = 20240
TRAIN_ROWS, QUERY_ROWS = 40, 7
DAMPING_FACTOR = 0.1
LISSA_DEPTH = 50
LISSA_MARGIN = 1.05
CG_FIXED_ITERATIONS = 5
CG_TOLERANCE = 1e-14

# name: (shape of one example's gradient, scale of the training gradients, scale of the query gradients)
BLOCKS = {
    "encoder.0.value.lora_A.weight": ((4, 24), 1e-3, 2e-3),
    "encoder.0.value.lora_B.weight": ((24, 4), 1e-1, 5e-2),
    "encoder.1.value.lora_A.weight": ((4, 12), 0.0, 1e-2),  # dead: no training example moves it
    "adapter.down.weight": ((3, 5), 1e-2, 1e-2),  # fewer columns than training rows
    "classifier.weight": ((2, 24), 1e1, 2e1),
}

ABOUT = {
    "notation": "per block: G is n x d, row i the gradient of training example i; V is m x d, row q the gradient of "
    "query q; F = G^T G / n; lambda = damping_factor * mean_i ||g_i||^2 / d; I is d x d. x = M v, S[q, i] = sum over "
    "live blocks of x_q . g_i, positive = helpful. All arithmetic in float64 on the float32 values of the files.",
    "dead block": "a block whose training gradients are all zero has lambda 0, adds nothing to any score and has no "
    "residual or spectrum; live_blocks names the others, in the order of the residual columns",
    "scores.<estimator>": "m x n, summed over live blocks",
    "self.<estimator>": "n, sum over live blocks of g_i . M g_i, the same M as for scores",
    "residual.<estimator>": "m x (live blocks): ||(F + lambda I) x - v|| / ||v|| for the x of that query and block",
    "hessian_free": "x = v",
    "block_normalized": "x = v / lambda",
    "datainf": "x = mean_i inverse(g_i g_i^T + lambda I) v",
    "exact": "x = inverse(F + lambda I) v",
    "exact_factor_<f>": "exact with damping_factor = f in place of 0.1",
    "lissa": "r = v, then lissa_depth times r <- v + r - (F r + lambda r) / sigma, then x = r / sigma; sigma per block "
    "in spectrum, sigma = 1.05 * (s_max + lambda)",
    "cg_5": "textbook conjugate gradients on (F + lambda I) x = v from x = v / lambda, 5 iterations, each query alone",
    "cg": "the same iterations run until ||residual|| <= 1e-14 ||v||",
    "lambda": "per block, at damping_factor",
    "spectrum.s_max": "largest eigenvalue of F",
    "spectrum.condition_number": "(s_max + lambda) / lambda",
    "spectrum.stable_rank": "trace(F) / s_max",
    "spectrum.effective_dimension": "sum over eigenvalues s of F of s / (s + lambda)",
    "spectrum.sigma": "the scaling that lissa uses",
}


# MARK: The formulas


def damping(G, factor=DAMPING_FACTOR):
    n, d = G.shape
    total = 0.0
    for g in G:
        total += g @ g
    return factor * total / n / d


def fisher(G):
    F = np.zeros((G.shape[1], G.shape[1]))
    for g in G:
        F += np.outer(g, g)
    return F / len(G)


def hessian_free(V, G, F, damp):
    return V.copy()


def block_normalized(V, G, F, damp):
    return V / damp


def datainf(V, G, F, damp):
    M = np.zeros_like(F)
    for g in G:
        M += np.linalg.inv(np.outer(g, g) + damp * np.eye(len(g)))
    return V @ (M / len(G))


def datainf_loop(V, G, F, damp):
    """The same by the rank-one inverse formula, one query and one example at a time: for blocks too wide to invert."""
    X = np.zeros_like(V)
    for q, v in enumerate(V):
        for g in G:
            X[q] += (v - (v @ g) / (damp + g @ g) * g) / (len(G) * damp)
    return X


def exact(V, G, F, damp):
    return np.linalg.solve(F + damp * np.eye(len(F)), V.T).T


def lissa_scaling(F, damp):
    return LISSA_MARGIN * (np.linalg.eigvalsh(F)[-1] + damp)


def lissa(V, G, F, damp):
    sigma = lissa_scaling(F, damp)
    X = np.zeros_like(V)
    for q, v in enumerate(V):
        r = v.copy()
        for _ in range(LISSA_DEPTH):
            r = v + r - (F @ r + damp * r) / sigma
        X[q] = r / sigma
    return X


def conjugate_gradients(V, F, damp, iterations):
    """`iterations` steps for each query, or as many as it takes where that is None."""
    A = F + damp * np.eye(len(F))
    X = np.zeros_like(V)
    for q, v in enumerate(V):
        x = v / damp
        r = v - A @ x
        p = r.copy()
        step, limit = 0, 20 * len(F) if iterations is None else iterations
        while step < limit and np.linalg.norm(r) > CG_TOLERANCE * np.linalg.norm(v):
            Ap = A @ p
            alpha = (r @ r) / (p @ Ap)
            x = x + alpha * p
            following = r - alpha * Ap
            p = following + (following @ following) / (r @ r) * p
            r = following
            step += 1
        assert iterations is not None or step < limit, "conjugate gradients did not converge"
        X[q] = x
    return X


def cg_5(V, G, F, damp):
    return conjugate_gradients(V, F, damp, CG_FIXED_ITERATIONS)


def cg(V, G, F, damp):
    return conjugate_gradients(V, F, damp, None)


ESTIMATORS = {f.__name__: f for f in (hessian_free, block_normalized, datainf, exact, lissa, cg_5, cg)}
WITH_SELF_INFLUENCE = ["hessian_free", "block_normalized", "datainf", "exact", "lissa"]
WITH_RESIDUAL = ["hessian_free", "block_normalized", "datainf", "lissa"]
EXTRA_FACTORS = [0.001, 1.0]


def rows(tensor):
    return tensor.reshape(len(tensor), -1).astype(np.float64)


def relative_difference(actual, expected):
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


# MARK: The committed fixture


def low_rank_gradients():
    """Rank 3 plus noise, example norms uneven, as fine-tuning gives; float32, train and query share directions."""
    generator = np.random.default_rng(SEED)
    train, query = {}, {}
    for name, (shape, train_scale, query_scale) in BLOCKS.items():
        d = int(np.prod(shape))
        directions = generator.standard_normal((3, d)) * np.array([[3.0], [1.5], [0.7]])
        for store, count, scale in ((train, TRAIN_ROWS, train_scale), (query, QUERY_ROWS, query_scale)):
            signal = generator.standard_normal((count, 3)) @ directions
            norms = np.exp(0.8 * generator.standard_normal((count, 1)))
            gradients = norms * (signal + 0.4 * generator.standard_normal((count, d)))
            store[name] = (scale * gradients).astype(np.float32).reshape(count, *shape)
    return train, query


def expected_results(train, query):
    n, m = TRAIN_ROWS, QUERY_ROWS
    live = [name for name in train if np.any(train[name])]
    tensors = {f"scores.{e}": np.zeros((m, n)) for e in ESTIMATORS}
    tensors |= {f"scores.exact_factor_{f:g}": np.zeros((m, n)) for f in EXTRA_FACTORS}
    tensors |= {f"self.{e}": np.zeros(n) for e in WITH_SELF_INFLUENCE}
    tensors |= {f"residual.{e}": np.zeros((m, len(live))) for e in WITH_RESIDUAL}
    spectrum, damping_of = {}, {name: 0.0 for name in train}

    for column, name in enumerate(live):
        G, V = rows(train[name]), rows(query[name])
        F, damp = fisher(G), damping(G)
        eigenvalues = np.linalg.eigvalsh(F)
        s_max = eigenvalues[-1]
        damping_of[name] = float(damp)
        spectrum[name] = {
            "s_max": float(s_max),
            "condition_number": float((s_max + damp) / damp),
            "stable_rank": float(np.trace(F) / s_max),
            "effective_dimension": float(sum(s / (s + damp) for s in eigenvalues)),
            "sigma": float(lissa_scaling(F, damp)),
        }

        for estimator, inverse in ESTIMATORS.items():
            X = inverse(V, G, F, damp)
            for q in range(m):
                for i in range(n):
                    tensors[f"scores.{estimator}"][q, i] += X[q] @ G[i]
                if estimator in WITH_RESIDUAL:
                    residual = (F + damp * np.eye(len(F))) @ X[q] - V[q]
                    tensors[f"residual.{estimator}"][q, column] = np.linalg.norm(residual) / np.linalg.norm(V[q])
            if estimator in WITH_SELF_INFLUENCE:
                for i, x in enumerate(inverse(G, G, F, damp)):
                    tensors[f"self.{estimator}"][i] += x @ G[i]
        for factor in EXTRA_FACTORS:
            tensors[f"scores.exact_factor_{factor:g}"] += exact(V, G, F, damping(G, factor)) @ G.T

        assert relative_difference(datainf_loop(V, G, F, damp), datainf(V, G, F, damp)) < 1e-9
    assert relative_difference(tensors["scores.cg"], tensors["scores.exact"]) < 1e-10
    assert np.all(tensors["self.exact"] <= tensors["self.datainf"])
    assert np.all(tensors["self.datainf"] <= tensors["self.block_normalized"])

    description = {
        "about": ABOUT,
        "seed": SEED,
        "train_rows": n,
        "query_rows": m,
        "blocks": {name: list(shape) for name, (shape, _, _) in BLOCKS.items()},
        "live_blocks": live,
        "damping_factor": DAMPING_FACTOR,
        "lissa_depth": LISSA_DEPTH,
        "lambda": damping_of,
        "spectrum": spectrum,
        "tensors": {name: list(tensor.shape) for name, tensor in tensors.items()},
    }
    return tensors, description


def write_fixture():
    train, query = low_rank_gradients()
    tensors, description = expected_results(train, query)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    save_file(train, OUTPUT / "train.safetensors")
    save_file(query, OUTPUT / "query.safetensors")
    save_file(tensors, OUTPUT / "expected.safetensors")
    (OUTPUT / "expected.json").write_text(json.dumps(description, indent=2) + "\n")
    for path in sorted(OUTPUT.iterdir()):
        print(f"wrote {path.relative_to(REPOSITORY)} ({path.stat().st_size:,} bytes)")
    for estimator in [*ESTIMATORS, *(f"exact_factor_{f:g}" for f in EXTRA_FACTORS)]:
        S, E = tensors[f"scores.{estimator}"], tensors["scores.exact"]
        correlation = np.mean([np.corrcoef(S[q], E[q])[0, 1] for q in range(len(S))])
        print(f"{estimator:18} mean correlation with exact {correlation:+.6f}, largest |score| {np.abs(S).max():.3e}")


# MARK: Checking other reference scores


def check(directory):
    """The formulas above, on gradients that came from elsewhere with scores that came from elsewhere."""
    train, query = load_file(directory / "train.safetensors"), load_file(directory / "query.safetensors")
    expected = load_file(directory / "expected_scores.safetensors")
    expected_damping = json.loads((directory / "expected_damping.json").read_text())
    inverses = {e: ESTIMATORS[e] for e in ("hessian_free", "block_normalized", "exact")} | {"datainf": datainf_loop}
    scores = {name: np.zeros(expected[name].shape) for name in expected}
    worst = 0.0
    for name in train:
        G, V = rows(train[name]), rows(query[name])
        damp = damping(G)
        worst = max(worst, abs(damp - expected_damping[name]) / expected_damping[name])
        if damp == 0:
            continue
        F = fisher(G)
        for estimator in scores:
            scores[estimator] += inverses[estimator](V, G, F, damp) @ G.T
    print(f"lambda: largest relative difference {worst:.2e}")
    for estimator, actual in scores.items():
        difference = relative_difference(actual, expected[estimator])
        print(f"{estimator}: largest difference / largest score {difference:.2e}")
        worst = max(worst, difference)
    if not worst < 1e-9:
        raise SystemExit("these scores do not agree")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", type=Path, metavar="DIR", help="compare with DIR's scores in place of writing")
    arguments = parser.parse_args()
    if arguments.check:
        check(arguments.check)
    else:
        write_fixture()


if __name__ == "__main__":
    main()
