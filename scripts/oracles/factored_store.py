"""What a factored store keeps, by numpy's singular value decomposition: captured norms, K and C of truncated gradients.

    python factored_store.py     writes Tests/InfluenceTests/Fixtures/factored/expected.json

Gradients are sines of their place, which any language computes: of row r, element (i, j) is
sin(0.37 (i + 1)(j + 2)(r + 1)) + 0.2 sin(1.7 i + 0.9 j + r), in double precision. Of each row the singular values past c are left
out. K and C are of the truncated rows, one after the other: rows 0 to 7 are examples, rows 8 to 10 queries.
"""

import json
from pathlib import Path

import numpy as np

BLOCKS = {"wide": (8, 30), "tall": (20, 6), "large": (66, 70)}
EXAMPLES, QUERIES = 8, 3
OUTPUT = Path(__file__).parents[2] / "Tests/InfluenceTests/Fixtures/factored/expected.json"


def gradient(row, outputs, inputs):
    i, j = np.arange(outputs)[:, None], np.arange(inputs)[None, :]
    return np.sin(0.37 * (i + 1) * (j + 2) * (row + 1)) + 0.2 * np.sin(1.7 * i + 0.9 * j + row)


def main():
    cases = []
    for name, (outputs, inputs) in BLOCKS.items():
        rows = [gradient(row, outputs, inputs) for row in range(EXAMPLES + QUERIES)]
        for rank in (1, 2):
            kept, norms = [], []
            for row in rows:
                u, s, v = np.linalg.svd(row, full_matrices=False)
                kept.append(((u[:, :rank] * s[:rank]) @ v[:rank]).ravel())
                norms.append((s[:rank] ** 2).sum())
            examples, queries = np.array(kept[:EXAMPLES]), np.array(kept[EXAMPLES:])
            whole = sum((row**2).sum() for row in rows[:EXAMPLES])
            cases.append({
                "block": name, "outputs": outputs, "inputs": inputs, "rank": rank,
                "captured": sum(norms[:EXAMPLES]) / whole,
                "kernel": (examples @ examples.T).ravel().tolist(),
                "cross": (queries @ examples.T).ravel().tolist(),
            })
    OUTPUT.parent.mkdir(exist_ok=True)
    about = "captured: the share of the examples' squared norm that is kept; kernel: 8 x 8 and cross: 3 x 8, row by row"
    OUTPUT.write_text(json.dumps({"about": about, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
