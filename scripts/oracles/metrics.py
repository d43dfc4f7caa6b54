"""Reference values of the evaluation metrics, by scipy and scikit-learn.

    python metrics.py     writes Tests/EvaluationTests/Fixtures/metrics.json
"""

import json
import math
import warnings
from pathlib import Path

import numpy as np
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import roc_auc_score

REPOSITORY = Path(__file__).resolve().parents[2]
OUTPUT = REPOSITORY / "Tests" / "EvaluationTests" / "Fixtures" / "metrics.json"

SEED = 5
PERCENTS = [5, 10, 20, 50, 100]

ABOUT = {
    "case": "x and y are two score vectors of length n; labels are 0 or 1, judged by x; null = the value is undefined",
    "pearson": "scipy.stats.pearsonr(x, y); null where x or y is constant",
    "spearman": "scipy.stats.spearmanr(x, y): Pearson of average ranks; null where x or y is constant",
    "auc": "sklearn.metrics.roc_auc_score(labels, x): P(x of a positive > x of a negative) + half P(equal); null where "
    "one class is absent",
    "recall": "per percent p: positives among the k highest x / all positives, k = ceil(p * n / 100) in integers; "
    "equal scores at the edge go to the lower index; null without positives",
    "top_overlap": "|A and B| / k, k = ceil(n / 10) in integers, A and B the k highest of x and of y, equal scores at "
    "the edge to the lower index",
}


def highest(scores, k):
    """The indices of the k highest scores; of equal scores, the lower index first."""
    return set(sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:k])


def ceiling(percent, n):
    return -(-percent * n // 100)


def number(value):
    return None if value is None or math.isnan(value) else float(value)


def case(name, x, y, labels):
    n = len(x)
    x, y, labels = [float(v) for v in x], [float(v) for v in y], [int(v) for v in labels]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # constant input: the answer is null, and said so
        pearson = pearsonr(x, y).statistic
        spearman = spearmanr(x, y).statistic
    positives = {i for i in range(n) if labels[i]}
    recall = {
        str(p): len(positives & highest(x, ceiling(p, n))) / len(positives) if positives else None for p in PERCENTS
    }
    k = ceiling(10, n)
    return {
        "name": name,
        "x": x,
        "y": y,
        "labels": labels,
        "pearson": number(pearson),
        "spearman": number(spearman),
        "auc": float(roc_auc_score(labels, x)) if 0 < len(positives) < n else None,
        "recall": recall,
        "top_overlap": len(highest(x, k) & highest(y, k)) / k,
    }


def cases():
    generator = np.random.default_rng(SEED)

    def normal(n):
        return generator.standard_normal(n).round(6)

    def labels(n, rate):
        return generator.random(n) < rate

    x = normal(60)
    yield case("correlated", x, (0.7 * x + 0.5 * normal(60)).round(6), labels(60, 0.2))
    x = normal(45)
    flips = labels(45, 0.3)
    yield case("informative labels", (x + 1.5 * flips).round(6), -x, flips)
    yield case("independent", normal(33), normal(33), labels(33, 0.5))
    yield case("few levels, many ties", generator.integers(0, 4, 50), generator.integers(0, 3, 50), labels(50, 0.25))
    x = normal(40)
    yield case("rounded, some ties", x.round(1), (x + normal(40)).round(0), labels(40, 0.4))
    x = normal(31)
    yield case("monotone, not linear", x, np.exp(2 * x).round(6), labels(31, 0.2))
    x = normal(20)
    yield case("reversed", x, -x, x > 0.5)
    yield case("perfect separation", np.arange(12), np.arange(12) ** 2, np.arange(12) >= 9)
    yield case("large offset, small spread", 1e6 + normal(30), 1e6 + normal(30), labels(30, 0.5))
    yield case("tiny scale", 1e-12 * normal(25), 1e-9 * normal(25), labels(25, 0.3))
    yield case("two points", [0.25, -1.5], [3.0, 4.0], [1, 0])
    yield case("two equal points", [1.0, 1.0], [2.0, 1.0], [0, 1])
    yield case("constant y, no positives", normal(9), np.full(9, 2.5), np.zeros(9))
    yield case("all positives", normal(11), normal(11), np.ones(11))


def main():
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    made = list(cases())
    OUTPUT.write_text(json.dumps({"about": ABOUT, "cases": made}, indent=1) + "\n")
    print(f"wrote {OUTPUT.relative_to(REPOSITORY)} ({len(made)} cases, {OUTPUT.stat().st_size:,} bytes)")


if __name__ == "__main__":
    main()
