"""Reference values of the evaluation metrics, by scipy and scikit-learn.

    python metrics.py             writes Tests/EvaluationTests/Fixtures/metrics.json
    python metrics.py further     writes Tests/EvaluationTests/Fixtures/metrics_further.json (numpy and scipy only)
"""

import json
import math
import sys
import warnings
from pathlib import Path

import numpy as np
from scipy.stats import bootstrap, mannwhitneyu, pearsonr, spearmanr, t

REPOSITORY = Path(__file__).resolve().parents[2]
FIXTURES = REPOSITORY / "Tests" / "EvaluationTests" / "Fixtures"
OUTPUT = FIXTURES / "metrics.json"
FURTHER = FIXTURES / "metrics_further.json"

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
    from sklearn.metrics import roc_auc_score

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


ABOUT_FURTHER = {
    "student": "scipy.stats.t: the t with P(|T| <= t) = level, and sf(t), the upper tail at 1.5",
    "mean_interval": "mean and scipy.stats.t.interval of it",
    "bootstrap": "scipy.stats.bootstrap of the mean, 200,000 resamples: percentile and BCa",
    "class_detection": "per query the AUC (scipy.stats.mannwhitneyu) of its class and the recall among its s highest; mean "
    "and population deviation; null where undefined",
    "lds": "scipy.stats.spearmanr over subsets of summed scores and truth, per query; null where one is constant",
    "fairness": "rates of prediction 1 per group, among all and among label 1; mean absolute gap over pairs",
    "winning_rate": "Borda points (1 a method beaten, half a tie), weighted, over their total",
}


def student_cases():
    for degrees in [1, 2, 3, 4, 5, 9, 19, 29, 100, 2.5, 1e3, 1e6]:
        for level in [0.5, 0.9, 0.95, 0.99, 1 - 1e-6]:
            yield {
                "degrees": degrees,
                "level": level,
                "quantile": float(t.isf((1 - level) / 2, degrees)),
                "upper_tail": float(t.sf(1.5, degrees)),
            }


def mean_intervals(generator):
    for n, level in [(2, 0.95), (5, 0.9), (10, 0.99)]:
        values = generator.standard_normal(n).round(6)
        error = values.std(ddof=1) / math.sqrt(n)
        low, high = t.interval(level, n - 1, loc=values.mean(), scale=error)
        yield {"values": values.tolist(), "level": level, "lower": float(low), "upper": float(high)}


def bootstraps(generator):
    for name, sample in [
        ("normal", generator.standard_normal(40).round(6)),
        ("exponential", generator.exponential(size=25).round(6)),
    ]:
        made = {"name": name, "sample": sample.tolist()}
        for method in ["percentile", "BCa"]:
            interval = bootstrap(
                (sample,), np.mean, n_resamples=200_000, batch=10_000, method=method, rng=np.random.default_rng(1)
            ).confidence_interval
            made[method.lower()] = [float(interval.low), float(interval.high)]
        yield made


def class_case(scores, training, queries):
    aucs, recalls = [], []
    for row, label in zip(scores, queries):
        same = training == label
        s = int(same.sum())
        aucs.append(
            float(mannwhitneyu(row[same], row[~same]).statistic) / (s * (len(row) - s)) if 0 < s < len(row) else None
        )
        recalls.append(len(set(np.flatnonzero(same).tolist()) & highest(row.tolist(), s)) / s if s else None)
    known = [a for a in aucs if a is not None]
    found = [r for r in recalls if r is not None]
    return {
        "scores": scores.tolist(),
        "training": training.tolist(),
        "queries": queries.tolist(),
        "auc": aucs,
        "recall": recalls,
        "mean_auc": float(np.mean(known)),
        "deviation_auc": float(np.std(known)),
        "mean_recall": float(np.mean(found)),
        "deviation_recall": float(np.std(found)),
    }


def lds_case(generator):
    scores = generator.standard_normal((5, 12)).round(6)
    scores[3] = 0
    subsets = [sorted(generator.permutation(12)[:6].tolist()) for _ in range(15)]
    sums = np.array([[row[s].sum() for s in subsets] for row in scores])
    truth = (sums + 2 * generator.standard_normal(sums.shape)).round(1)  # rounded: with ties
    truth[4] = 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        correlations = [number(spearmanr(a, b).statistic) for a, b in zip(sums, truth)]
    return {
        "scores": scores.tolist(),
        "subsets": subsets,
        "truth": truth.tolist(),
        "correlations": correlations,
        "mean": float(np.mean([c for c in correlations if c is not None])),
    }


def fairness_case(generator, groups):
    predictions = (generator.random(60) < 0.4).astype(int)
    labels = (generator.random(60) < 0.5).astype(int)
    members = generator.integers(0, groups, 60)
    accepted = [float(predictions[members == g].mean()) for g in range(groups)]
    true_positive = [float(predictions[(members == g) & (labels == 1)].mean()) for g in range(groups)]

    def gap(rates):
        return float(np.mean([abs(a - b) for i, a in enumerate(rates) for b in rates[:i]]))

    return {
        "predictions": predictions.tolist(),
        "labels": labels.tolist(),
        "groups": members.tolist(),
        "group_count": groups,
        "accepted": accepted,
        "true_positive": true_positive,
        "accepted_gap": gap(accepted),
        "true_positive_gap": gap(true_positive),
    }


def winning_rate(generator):
    results = generator.integers(0, 4, (8, 5)).astype(float)
    weights = generator.random(8).round(3)
    points = np.zeros(5)
    for row, weight in zip(results, weights):
        points += weight * ((row[:, None] > row).sum(1) + ((row[:, None] == row).sum(1) - 1) / 2)
    return {
        "results": results.tolist(),
        "weights": weights.tolist(),
        "shares": (points / points.sum()).tolist(),
    }


def further():
    generator = np.random.default_rng(SEED + 1)
    scores = generator.integers(0, 6, (7, 20)).astype(float)
    scores[:3] += generator.standard_normal((3, 20)).round(6)
    return {
        "about": ABOUT_FURTHER,
        "student": list(student_cases()),
        "mean_interval": list(mean_intervals(generator)),
        "bootstrap": list(bootstraps(generator)),
        "class_detection": class_case(scores, generator.integers(0, 4, 20), np.array([0, 1, 2, 3, 0, 9, 1])),
        "lds": lds_case(generator),
        "fairness": [fairness_case(generator, 2), fairness_case(generator, 4)],
        "winning_rate": winning_rate(generator),
    }


def write(path, content, count):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")
    print(f"wrote {path.relative_to(REPOSITORY)} ({count} cases, {path.stat().st_size:,} bytes)")


def main():
    if sys.argv[1:] == ["further"]:
        content = further()
        write(FURTHER, content, sum(len(v) if isinstance(v, list) else 1 for v in content.values()) - 1)
    else:
        made = list(cases())
        write(OUTPUT, {"about": ABOUT, "cases": made}, len(made))


if __name__ == "__main__":
    main()
