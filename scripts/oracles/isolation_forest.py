"""Isolation forest scores of `influence outliers` against scikit-learn's, as distributions.

    python isolation_forest.py GRADIENTS.npy OUTLIERS.npy

GRADIENTS.npy is what `influence outliers --train GRADIENTS.npy --output OUTLIERS.npy` read. Trees are random, so scores
of two programs differ as those of two seeds of one program do: prints both differences, and fails where the first
is more than twice the second.
"""

import sys

import numpy as np
from sklearn.ensemble import IsolationForest

gradients = np.load(sys.argv[1]).astype(np.float64)
found = np.load(sys.argv[2]).astype(np.float64)
seeds = []
for seed in range(4):
    forest = IsolationForest(n_estimators=100, max_samples=min(256, len(gradients)), random_state=seed)
    seeds.append(-forest.fit(gradients).score_samples(gradients))


def difference(a, b):
    return np.sqrt(np.mean((a - b) ** 2))


between = np.mean([difference(seeds[i], seeds[j]) for i in range(4) for j in range(i)])
apart = np.mean([difference(found, scores) for scores in seeds])
print(f"mean score {found.mean():.4f}, scikit-learn {np.mean(seeds):.4f}")
print(f"root mean square difference {apart:.4f}, between seeds of scikit-learn {between:.4f}")
print(f"correlation {np.corrcoef(found, np.mean(seeds, axis=0))[0, 1]:.4f}")
sys.exit(int(apart > 2 * between))
