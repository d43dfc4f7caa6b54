"""How far exact scores are from the truth when K and its Cholesky factor are rounded: the table of docs/methods.md, section 7.

    python scripts/single_factor.py [--rows 3000]        needs numpy and torch

K and C are products in float32, K summed over panels of 2,048 columns in float64. K + nλI is factorised in float64 or in
float32; the truth is float64 throughout. Printed is the largest error of 20 queries, each as a share of its largest score.

    glue     66 % of the trace in one direction, 32 % in 99 more that fall as k^-1.1, the rest noise: MiniLM's LoRA blocks
    steep    standard deviations that fall by a factor of e every 30 directions
    tailed   independent numbers with a direction that all rows share, norms of rows over four decades
"""

import argparse

import numpy as np
import torch

COLUMNS, QUERIES, PANEL = 4096, 20, 2048


def gradients(kind, rows, generator):
    if kind == "glue":
        weights = np.arange(2, 101) ** -1.1
        weights = np.concatenate([[0.66], 0.32 * weights / weights.sum()])
        directions = np.random.default_rng(1).standard_normal((100, COLUMNS)) / np.sqrt(COLUMNS)
        noise = np.sqrt(0.02 / COLUMNS) * generator.standard_normal((rows, COLUMNS))
        return ((generator.standard_normal((rows, 100)) * np.sqrt(weights)) @ directions + noise).astype(np.float32)
    if kind == "steep":
        count = 1000
        directions = np.linalg.qr(np.random.default_rng(2).standard_normal((COLUMNS, count)))[0].T
        return ((generator.standard_normal((rows, count)) * np.exp(-np.arange(count) / 30)) @ directions).astype(np.float32)
    shared = 3 * np.random.default_rng(3).standard_normal(COLUMNS)
    norms = np.exp(generator.uniform(-4.6, 4.6, (rows, 1)))
    return (generator.standard_normal((rows, COLUMNS)) * norms + shared).astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=3000)
    rows = parser.parse_args().rows
    print("gradients    λ / mean eigenvalue   tr(F)/λ   factor in float64   in float32")
    for kind in ["glue", "steep", "tailed"]:
        generator = np.random.default_rng(0)
        train, query = gradients(kind, rows, generator), gradients(kind, QUERIES, generator)
        kernel = train.astype(np.float64) @ train.T.astype(np.float64)
        cross = query.astype(np.float64) @ train.T.astype(np.float64)
        rounded = sum((train[:, a:a + PANEL] @ train[:, a:a + PANEL].T).astype(np.float64) for a in range(0, COLUMNS, PANEL))
        single = query @ train.T
        mean = np.trace(kernel) / rows / COLUMNS
        for share in [10, 1, 0.1, 0.01]:
            ridge = rows * share * mean * np.eye(rows)
            truth = np.linalg.solve(kernel + ridge, cross.T).T

            def error(found):
                return np.max(np.abs(found - truth).max(1) / np.abs(truth).max(1))

            doubled = error(np.linalg.solve(rounded + ridge, single.T.astype(np.float64)).T)
            factor = torch.linalg.cholesky(torch.from_numpy((rounded + ridge).astype(np.float32)))
            halved = error(torch.cholesky_solve(torch.from_numpy(single.T.copy()), factor).numpy().T.astype(np.float64))
            print(f"{kind:8} {share:18} {COLUMNS / share:13.1e} {doubled:15.1e} {halved:15.1e}", flush=True)


if __name__ == "__main__":
    main()
