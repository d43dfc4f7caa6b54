"""DataInf and the exact damped Fisher in PyTorch on the CPU, timed: the other side of the speed comparison.

    python datainf.py --train FILE.safetensors --query FILE.safetensors [--queries M] [--loop] [--json]

Per block (one tensor, example first), G is n x d, V is m x d, lambda = 0.1 mean ||g||^2 / d. Both files are copied into
memory before anything is timed, everything timed is float32 but the exact method's factorisation, every number of
seconds is the median of --repeats runs over all blocks after one run to warm up, and the result lands in one m x n
matrix S.

DataInf is written as a careful PyTorch user would write it, as whole-matrix operations:

    nu = row sums of G * G        lambda = 0.1 mean(nu) / d        w = 1 / (lambda + nu)
    C = V G^T                     X = (V - (C * w) G / n) / lambda                 S += X G^T

and, with --loop, also as the method's first implementations run it: for each query and each block, one training
example after another. That is timed for one query and a few blocks; its cost is linear in both, so the rest is stated
as a factor.
"""

import argparse
import json
import os
import platform
import resource
import time
from statistics import median

import torch
from safetensors import safe_open

DAMPING_FACTOR = 0.1


def load(path, limit=None):
    """Block name -> matrix with an example per row, in memory of its own: no page of the file is left to be read."""
    with safe_open(path, framework="pt") as file:
        blocks = {}
        for name in file.keys():
            tensor = file.get_tensor(name)[:limit]
            blocks[name] = tensor.reshape(len(tensor), -1).to(torch.float32, copy=True).contiguous()
        return blocks


class Clock:
    """Medians of named phases and of their sum."""

    def __init__(self):
        self.runs = []

    def start(self):
        self.runs.append({})
        self.last = time.perf_counter()

    def lap(self, phase):
        now = time.perf_counter()
        self.runs[-1][phase] = self.runs[-1].get(phase, 0.0) + now - self.last
        self.last = now

    def seconds(self):
        return median(sum(run.values()) for run in self.runs)

    def fastest(self):
        return min(sum(run.values()) for run in self.runs)

    def phases(self):
        return {phase: median(run[phase] for run in self.runs) for phase in self.runs[0]}


def measure_together(works, repeats):
    """Each work once to warm up, then all of them in turn `repeats` times, so that a slow spell of the machine falls on
    all alike. Name -> (last result, clock of the timed runs)."""
    clocks = {name: Clock() for name in works}
    for work in works.values():
        work(Clock())
    for _ in range(repeats):
        results = {name: work(clocks[name]) for name, work in works.items()}
    return {name: (results[name], clocks[name]) for name in works}


def measure(work, repeats):
    return measure_together({"": work}, repeats)[""]


# MARK: Methods


def norms_by_product(G):
    return (G * G).sum(1)


def norms_by_vector_norm(G):
    return torch.linalg.vector_norm(G, dim=1).square_()


NORMS = {"product": norms_by_product, "vector_norm": norms_by_vector_norm}


def preconditioned_as_written(V, C, w, G, damping):
    return (V - ((C * w) @ G) / len(G)) / damping


def preconditioned_fused(V, C, w, G, damping):
    return torch.addmm(V, C * w, G, alpha=-1.0 / len(G)).div_(damping)


FORMS = {"as_written": preconditioned_as_written, "fused": preconditioned_fused}


def datainf(train, query, norms, preconditioned):
    m, n = (len(next(iter(blocks.values()))) for blocks in (query, train))

    def work(clock):
        clock.start()
        S = torch.zeros(m, n)
        for name, G in train.items():
            V = query[name]
            nu = norms(G)
            damping = DAMPING_FACTOR * nu.mean() / G.shape[1]
            clock.lap("norms")
            C = V @ G.T
            clock.lap("C")
            X = preconditioned(V, C, 1.0 / (damping + nu), G, damping)
            clock.lap("X")
            S.addmm_(X, G.T)
            clock.lap("S")
        return S

    return work


def exact(train, query):
    """S += n C (K + n lambda I)^-1: the kernel in float32, its factorisation in float64."""
    m, n = (len(next(iter(blocks.values()))) for blocks in (query, train))

    def work(clock):
        clock.start()
        S = torch.zeros(m, n, dtype=torch.float64)
        for name, G in train.items():
            K = (G @ G.T).double()
            clock.lap("K")
            damping = DAMPING_FACTOR * K.diagonal().mean() / G.shape[1]
            K.diagonal().add_(n * damping)
            L = torch.linalg.cholesky(K)
            clock.lap("factor")
            C = (query[name] @ G.T).double()
            clock.lap("C")
            S += n * torch.cholesky_solve(C.T, L).T
            clock.lap("solve")
        return S

    return work


def loop(train, query, names):
    """One query, one example at a time; the damping is found again for each query, as those programs do."""
    n = len(next(iter(train.values())))

    def work(clock):
        clock.start()
        scores = torch.zeros(n)
        for name in names:
            v, examples = query[name][0], list(train[name])
            clock.last = time.perf_counter()  # a list of rows is what such a program holds: not timed
            mean_square = 0.0
            for g in examples:
                mean_square = mean_square + torch.mean(g**2) / n
            damping = DAMPING_FACTOR * mean_square
            clock.lap("damping")
            x = torch.zeros_like(v)
            for g in examples:
                coefficient = torch.sum(v * g) / (damping + torch.sum(g**2))
                x += (v - coefficient * g) / (n * damping)
            clock.lap("precondition")
            for i, g in enumerate(examples):
                scores[i] += torch.sum(x * g)
            clock.lap("products")
        return scores

    return work


# MARK: What the machine can do


def matmul_rate(repeats, order=4096):
    A, B = torch.randn(order, order), torch.randn(order, order)

    def work(clock):
        clock.start()
        A @ B
        clock.lap("matmul")

    return 2 * order**3 / measure(work, repeats)[1].seconds() / 1e9


def memory_rate(repeats, size=1_000_000_000):
    values = torch.ones(size // 4)

    def work(clock):
        clock.start()
        values.sum()
        clock.lap("sum")

    return size / measure(work, repeats)[1].seconds() / 1e9


# MARK: The report


def relative_difference(actual, expected):
    return float((actual.double() - expected.double()).abs().max() / expected.double().abs().max())


def report(arguments):
    train, query = load(arguments.train), load(arguments.query, arguments.queries)
    if {k: G.shape[1] for k, G in train.items()} != {k: V.shape[1] for k, V in query.items()}:
        raise SystemExit("the two files do not hold the same blocks")
    n, m, blocks = len(next(iter(train.values()))), len(next(iter(query.values()))), len(train)
    columns = sum(G.shape[1] for G in train.values())
    result = {
        "torch": torch.__version__,
        "processor": platform.machine(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "repeats": arguments.repeats,
        "load_average_before": os.getloadavg()[0],
        "train_rows": n,
        "queries": m,
        "blocks": blocks,
        "columns": columns,
        "train_bytes": 4 * n * columns,
    }

    works = {
        f"{form_name}, {norm_name}": datainf(train, query, norms, form)
        for norm_name, norms in NORMS.items()
        for form_name, form in FORMS.items()
    }
    tried = {
        name: {"seconds": clock.seconds(), "fastest_run": clock.fastest(), "phases": clock.phases()}
        for name, (_, clock) in measure_together(works, arguments.repeats).items()
    }
    best = min(tried, key=lambda name: tried[name]["seconds"])
    result["datainf_seconds"] = tried[best]["seconds"]
    result["datainf_fastest"] = best
    result["datainf_gigaflops"] = 6 * m * n * columns / tried[best]["seconds"] / 1e9
    result["datainf"] = tried

    _, clock = measure(exact(train, query), arguments.repeats)
    result["exact_seconds"] = clock.seconds()
    result["exact"] = {"fastest_run": clock.fastest(), "phases": clock.phases()}

    if arguments.loop:
        names = list(train)[: arguments.loop_blocks]
        scores, clock = measure(loop(train, query, names), arguments.repeats)
        first = {name: query[name][:1] for name in names}
        reference = datainf({k: train[k] for k in names}, first, norms_by_product, preconditioned_as_written)
        factor = m * blocks / len(names)
        result["loop"] = {
            "measured": f"1 query, {n} examples, {len(names)} of {blocks} blocks (of equal width, if all are to count "
            "alike)",
            "measured_seconds": clock.seconds(),
            "phases": clock.phases(),
            "extrapolation_factor": factor,
            "extrapolated_seconds": clock.seconds() * factor,
            "difference_from_vectorised": relative_difference(scores, reference(Clock())[0]),
        }

    result["matmul_4096_gigaflops"] = matmul_rate(arguments.repeats)
    result["memory_gigabytes_per_second"] = memory_rate(arguments.repeats)
    result["peak_resident_bytes"] = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", required=True, help="safetensors, one tensor a block, example first")
    parser.add_argument("--query", required=True)
    parser.add_argument("--queries", type=int, metavar="M", help="score the first M queries (all of them if not given)")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--loop", action="store_true", help="also the one-example-at-a-time form, on a part")
    parser.add_argument("--loop-blocks", type=int, default=3, help="how many blocks that part has")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the main lines")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    with torch.inference_mode():
        result = report(arguments)
    if arguments.json:
        print(json.dumps(result, indent=2))
        return
    print("{train_rows} examples, {queries} queries, {blocks} blocks, {columns} columns".format(**result))
    print("DataInf {datainf_seconds:.4f} s ({datainf_fastest}), exact {exact_seconds:.4f} s".format(**result))
    if arguments.loop:
        loops = result["loop"]
        print("DataInf, one example at a time: {extrapolated_seconds:.1f} s = {extrapolation_factor:g} x "
              "{measured_seconds:.4f} s".format(**loops))
    print("matmul {matmul_4096_gigaflops:.0f} GFLOP/s, memory {memory_gigabytes_per_second:.1f} GB/s".format(**result))


if __name__ == "__main__":
    main()
