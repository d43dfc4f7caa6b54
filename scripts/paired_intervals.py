"""The differences that the pages of docs/results quote, with intervals, from the results of full-size runs.

    python3 scripts/paired_intervals.py influence-runs/experiments [RUN …]

reads FOLDER/RUN/results.json as scripts/run-experiments writes it, and prints one line per difference: the mean over seeds of
A less B, both of the same seed, and its 95 % interval by Student's distribution over the seeds. Behind it stands the interval
with Nadeau and Bengio's correction (2003), which takes the variance times 1/n + test/training in place of 1/n because the
seeds split one data set again and again. Runs that are not there are named, and differences of methods that a run does not have
are left out. `outliers-digits-heavy` is outliers-digits with `--set data.flip=0.4`, and `truth` the first command of
docs/results/truth.md, both with `--output`. Only the standard library is needed.
"""

import json
import math
import sys
from functools import cache
from pathlib import Path
from statistics import mean, stdev

HARM, SELF, LOSS = "harm/{}/auc", "self/{}/auc", "baselines/training loss/auc"
LISSA = "lissa:depth=10"


def differences():
    """Yields run, title, what A and B are, and examples that measure divided by examples that train.

    The last is None where nothing is measured on examples held out, as for AUCs over the training examples themselves; the correction is not for that.
    """
    for rank in (1, 2, 4, 8):
        of = f"rank-{rank}", "methods/{}/mean_query_pearson"
        yield "approximation-error", f"rank {rank}, mean query: scaling of blocks", of, "block-normalized", "hessian-free", 200 / 900
        yield "approximation-error", f"rank {rank}, mean query: DataInf's own term", of, "datainf", "block-normalized", 200 / 900
    for rank in (1, 2, 4, 8):
        of = f"rank-{rank}", "methods/{}/pearson"
        yield "approximation-error", f"rank {rank}, each query: scaling of blocks", of, "block-normalized", "hessian-free", 200 / 900
        yield "approximation-error", f"rank {rank}, each query: DataInf's own term", of, "datainf", "block-normalized", 200 / 900
    for run in ("digits", "lora", "memorised", "mnist", "cifar10n"):
        run = "mislabelled-" + run
        yield run, "harm: DataInf less Hessian-free", ("", HARM), "datainf", "hessian-free", None
        yield run, "harm: EK-FAC less cosine", ("", HARM), "ekfac", "cosine", None
        for method in ("hessian-free", LISSA, "exact"):
            yield run, f"self-influence less the training loss: {method}", ("", "{}"), SELF.format(method), LOSS, None
    for share, name in enumerate(("90 %", "80 %", "70 %")):
        of = "", "choices/{}/accuracies/" + str(share)
        for method in ("shampoo", "ekfac", "exact", "relatif-l", "self-influence: hessian-free", "self-influence: ekfac", "training loss"):
            everything = "", "choices/all/accuracies/0"
            yield "data-selection", f"{name} kept: {method} less all examples", of, method, everything, 600 / 900
            yield "data-selection", f"{name} kept: {method} less random", of, method, "random", 600 / 900
        yield "data-selection", f"{name} kept: datainf less random", of, "datainf", "random", 600 / 900
    yield "data-selection", "right labels alone less all examples", ("", "choices/{}/accuracies/0"), "right labels alone", "all", 600 / 900
    for rule in ("margin", "k-center", "random"):
        yield "least-disagree-digits", f"mean of all rounds: LDM-S less {rule}", ("{}", "accuracies/1:"), "ldm-s", rule, 700 / 1000
    for run in ("outliers-digits", "outliers-digits-heavy", "outliers-cifar10n"):
        ratio = 0.15 if "cifar" in run else 600 / 900
        for noise in ("people",) if "cifar" in run else ("uniform", "next-class"):
            auc, trims = (noise, "rankings/{}/auc"), [(noise, "rankings/{}/accuracies/" + str(i)) for i in range(3)]
            for other in ("training loss", "self-influence: exact", "isolation-forest, last-layer", "l1, last-layer", "l2, all-layers"):
                yield run, f"{noise} AUC: l2, last-layer less {other}", auc, "l2, last-layer", other, None
            for region in ("last-layer", "all-layers"):
                for norm in ("l1", "l2"):
                    yield run, f"{noise} AUC: isolation-forest less {norm}, {region}", auc, f"isolation-forest, {region}", f"{norm}, {region}", None
            for measure in ("l1", "isolation-forest"):
                yield run, f"{noise} AUC: {measure}, last layer less all layers", auc, f"{measure}, last-layer", f"{measure}, all-layers", None
            for share, of in zip(("5 %", "10 %", "20 %"), trims):
                for other in ("training loss", "self-influence: datainf", "self-influence: exact", "l1, all-layers", "l2, last-layer", "random"):
                    yield run, f"{noise} accuracy, {share} left out: harm of exact less {other}", of, "harm: exact", other, ratio
                yield run, f"{noise} accuracy, {share} left out: l2, last-layer less training loss", of, "l2, last-layer", "training loss", ratio
                for method in ("l1, last-layer", "l2, last-layer", "harm: exact"):
                    yield run, f"{noise} accuracy, {share} left out: {method} less all examples", of, method, (noise, "all"), ratio
    for run in ("subsets-digits", "subsets-breast-cancer"):
        for regression in ("least-squares", "logistic"):
            of = regression, "points/*/searches/{}/actual/7"
            for search in ("leverage-adjusted", "adaptive, step 1"):
                yield run, f"{regression}, 50 removed, effect: {search} less greedy", of, search, "greedy", None
    for depth in (1, 2, 3):
        for truth in ("lds", "spearman"):
            of = f"depth-{depth}/decay-0.01", "methods/{}/" + truth
            for a, b in (("block-normalized", "hessian-free"), ("datainf", "block-normalized"), ("datainf", "hessian-free"),
                         ("kfac", "datainf"), ("exact", "kfac"), ("kfac", "exact-ggn"), ("ekfac", "kfac"), ("exact-ggn", "datainf")):
                yield "truth", f"{depth} layers, {truth}: {a} less {b}", of, a, b, 60 / 300
    for truth in ("lds", "spearman"):
        for method in ("hessian-free", "block-normalized", "datainf", "kfac", "ekfac", "exact", "exact-ggn", "exact-hessian", "another training"):
            ends = ((f"depth-{depth}/decay-0.01", f"methods/{method}/{truth}") for depth in (1, 3))
            yield "truth", f"{truth} of {method}: 1 layer less 3 layers", None, *ends, 60 / 300
    orders = (("depth-1/decay-0.01", f"methods/exact/{key}") for key in ("spearman", "shuffled_spearman"))
    yield "truth", "1 layer, exact: order of examples kept less changed", None, *orders, 60 / 300


@cache
def quantile(freedom):
    """Of Student's distribution at 0.975, by bisection on Simpson's rule."""

    def half(t, steps=2000):
        density = lambda x: (1 + x * x / freedom) ** (-(freedom + 1) / 2)
        inner = sum((4 if i % 2 else 2) * density(i * t / steps) for i in range(1, steps))
        return (density(0) + inner + density(t)) * t / steps / 3

    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)
    low, high = 0.0, 20.0
    while high - low > 1e-7:
        middle = (low + high) / 2
        low, high = (middle, high) if scale * half(middle) < 0.475 else (low, middle)
    return low


def interval(values, ratio=0.0):
    """The mean and half the width of its 95 % interval; `ratio` is that of Nadeau and Bengio, 0 for independent seeds."""
    if len(values) < 2:
        return mean(values), math.nan
    return mean(values), quantile(len(values) - 1) * stdev(values) * math.sqrt(1 / len(values) + ratio)


def look_up(cell, path):
    """A number of a cell's result; `*` is the mean over a list, `1:` that over all but its first, and so is a list at the end."""
    key, _, rest = path.partition("/")
    if isinstance(cell, list):
        if key in ("", "*", "1:"):
            return mean(look_up(one, rest) for one in cell[key == "1:" :])
        return look_up(cell[int(key)], rest)
    return look_up(cell[key], rest) if key else cell


def values(results, of, what):
    suffix, path = what if isinstance(what, tuple) else (of[0].format(what), of[1].format(what))
    names = [f"seed-{seed}" + (suffix and "/" + suffix) for seed in results["seeds"]]
    return [look_up(results["cells"][name], path) for name in names]


def leaks(results):
    """How many differences of leaking and honest scores have intervals above and below zero, of how many."""
    above = below = count = 0
    suffixes = sorted({name.split("/", 1)[1] for name in results["cells"]})
    first = results["cells"][f"seed-{results['seeds'][0]}/{suffixes[0]}"]["leaking"]
    for suffix in suffixes:
        for method in first:
            for defence in ("trim", "relabel", "reweight"):
                cells = [results["cells"][f"seed-{seed}/{suffix}"] for seed in results["seeds"]]
                middle, half = interval([cell["leaking"][method][defence]["attacked"] - cell["honest"][method][defence]["attacked"] for cell in cells])
                above, below, count = above + (middle - half > 0), below + (middle + half < 0), count + 1
    return f"leaking less honest: {above} intervals above zero, {below} below, of {count}"


def gaps(results):
    """What trimming takes from the gaps on test rows, at the budget whose gap on validation rows is least."""
    for functional, key in (("demographic-parity", "demographic_parity"), ("equal-opportunity", "equal_opportunity")):
        for method in ("hessian-free", "datainf", "exact-hessian"):
            changes = []
            for seed in results["seeds"]:
                trimmed = results["cells"][f"seed-{seed}"]["trimmed"][functional][method]
                validation, test = ([abs(gap) for gap in trimmed[part][key]] for part in ("validation", "test"))
                changes.append(test[validation.index(min(validation))] - test[0])
            middle, half = interval(changes)
            print(f"  {functional}, {method}: gap after less before {middle:+.4f} ± {half:.4f}")


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        raise SystemExit(__doc__)
    folder, chosen = Path(sys.argv[1]), sys.argv[2:]
    opened = {}

    def open_run(run):
        if run not in opened:
            path = folder / run / "results.json"
            opened[run] = json.loads(path.read_text()) if path.exists() else None
            print(f"\n{run}: " + (f"{len(opened[run]['seeds'])} seeds" if opened[run] else "not there"))
        return opened[run]

    for run, title, of, a, b, ratio in differences():
        if chosen and run not in chosen or not (results := open_run(run)):
            continue
        try:
            paired = [x - y for x, y in zip(values(results, of, a), values(results, of, b))]
        except (KeyError, IndexError):
            continue  # The run has fewer methods, or one region of layers.
        middle, half = interval(paired)
        corrected = "" if ratio is None else f" (corrected ± {interval(paired, ratio)[1]:.4f})"
        print(f"  {title}: {middle:+.4f} ± {half:.4f}{corrected}")
    for run in ("defence-synthetic", "defence-bank", "defence-adult"):
        if (not chosen or run in chosen) and (results := open_run(run)):
            print("  " + leaks(results))
    for run in ("fairness-bank", "fairness-adult"):
        if (not chosen or run in chosen) and (results := open_run(run)):
            gaps(results)


if __name__ == "__main__":
    main()
