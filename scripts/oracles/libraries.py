"""What kronfluence and dattri make of the network of perceptron.py, in float64 on the processor.

    python libraries.py     writes libraries.{safetensors,json} under Tests/InfluenceTests/Fixtures/estimators/

Only calls are here, and the constants that turn their conventions into the engine's: scores m x n, positive = helpful,
every example's own loss, F the mean of g g^T. Where a library departs from its own definition, the program computes
what it does compute, asserts that, and the fixture says so under `departures`.
"""

import copy
import tempfile
import warnings
from importlib.metadata import version

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch.func import functional_call
from torch.utils.data import DataLoader, TensorDataset

import estimators as plain
import perceptron as net

warnings.simplefilter("ignore")

DAMPING = 0.1  # absolute, the same for all blocks: above the most negative eigenvalue of the Hessian
CG_STEPS = [12, 200, 1000]
LISSA_DEPTH = 60
PARTS = 2  # batches, where a library depends on them

ABOUT = {
    "kronfluence.<strategy>": "Analyzer.compute_pairwise_scores with use_empirical_fisher and damping_factor = damping; "
    "already m x n, positive = helpful for a loss as measurement, no factor 1/n. Modules are weight and bias as one "
    "map, g = s [a, 1]^T: curvature.safetensors' factors of `layers.0` and `head`",
    "kronfluence.weights.<strategy>": "the same with biases that are constants: the blocks layers.0.weight and head.weight",
    "kronfluence.weights.ekfac_heuristic": "damping_factor = None: 0.1 * mean eigenvalue of each module",
    "self.kronfluence.*": "compute_self_scores, n",
    "dattri.*": "attribute(train, test), turned from n x m to m x n; positive = helpful",
    "dattri.explicit": "IFAttributorExplicit, regularization = damping: exact_hessian of all parameters as one block",
    "dattri.relatif_l, relatif_theta": "the same, divided",
    "dattri.explicit_batches": "the same with the training data in two batches",
    "dattri.cg_<steps>": "IFAttributorCG with so many steps and its default tolerance",
    "dattri.fisher.*": "dattri.func on the function mean (g.theta)^2 / 2 of theta, whose Hessian is F of all parameters as "
    "one block: explicit = ihvp_explicit, cg = ihvp_cg with 60 steps, lissa = ihvp_lissa with all examples in each of "
    "lissa_depth steps, scaling = sigma and damping = damping / sigma, arnoldi_3 = arnoldi_project to 3 dimensions, which "
    "drops the complement",
    "dattri.datainf": "IFAttributorDataInf, regularization = damping; blocks are layers",
    "dattri.datainf_default": "with its default regularization, 0",
    "dattri.ekfac": "IFAttributorEKFAC, damping = damping, biases as constants",
    "dattri.tracin, grad_cos": "TracInAttributor without projection: the checkpoints and weights of expected.json; "
    "cosine at the last one, weight 1",
    "dattri.trak.<k>, trak_ridge.<k>": "TRAKAttributor at one checkpoint, with the projection trak.projection",
    "dattri.trak": "TRAKAttributor at all checkpoints",
}

DEPARTURES = {
    "dattri.explicit_batches": "the sum over batches of inverse(H_batch + damping I), not the inverse for all data",
    "dattri.cg_1000": "NaN: the tolerance is not looked at, the squared residual becomes 0, and is divided by",
    "dattri.arnoldi_indefinite": "IFAttributorArnoldi with its defaults, of the Hessian, which is indefinite: NaN, the root "
    "of a negative eigenvalue",
    "dattri.datainf_default": "not finite: divides by a regularization of 0",
    "dattri.ekfac": "eigenvectors are taken as rows where torch.linalg.eigh gives columns: Lambda and M in the basis of "
    "Q^T instead of Q",
    "dattri.trak": "(mean of Phi_q inverse(Phi^T Phi) Phi^T) * (mean of 1 - p): the product of two means, as published, "
    "where a weighted sum of single scores would be the mean of products",
}


class WeightsOnly(torch.nn.Module):
    """The same network, its biases no parameters."""

    def __init__(self, parameters):
        super().__init__()
        self.layers = torch.nn.ModuleList([torch.nn.Linear(net.INPUTS, net.HIDDEN, bias=False)])
        self.head = torch.nn.Linear(net.HIDDEN, net.CLASSES, bias=False)
        self.register_buffer("first", parameters["layers.0.bias"].detach().clone())
        self.register_buffer("last", parameters["head.bias"].detach().clone())
        with torch.no_grad():
            self.layers[0].weight.copy_(parameters["layers.0.weight"])
            self.head.weight.copy_(parameters["head.weight"])

    def forward(self, x):
        return self.head(torch.tanh(self.layers[0](x) + self.first)) + self.last


def relative_difference(actual, expected):
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


# MARK: kronfluence


def run_kronfluence(model, data, queries):
    from kronfluence.analyzer import Analyzer, prepare_model
    from kronfluence.arguments import FactorArguments, ScoreArguments
    from kronfluence.task import Task

    class Classification(Task):
        def compute_train_loss(self, batch, model, sample=False):
            assert not sample
            return torch.nn.functional.cross_entropy(model(batch[0]), batch[1], reduction="sum")

        def compute_measurement(self, batch, model):
            return self.compute_train_loss(batch, model)

    double = torch.float64
    results = {}
    task = Classification()
    prepared = prepare_model(copy.deepcopy(model), task)  # it replaces modules
    train, query = TensorDataset(*data), TensorDataset(*queries)
    with tempfile.TemporaryDirectory() as folder:
        for strategy in ("identity", "diagonal", "kfac", "ekfac"):
            analyzer = Analyzer(strategy, prepared, task, cpu=True, disable_tqdm=True, output_dir=folder)
            analyzer.fit_all_factors(
                "factors",
                dataset=train,
                per_device_batch_size=7,
                factor_args=FactorArguments(
                    strategy=strategy,
                    use_empirical_fisher=True,
                    activation_covariance_dtype=double,
                    gradient_covariance_dtype=double,
                    per_sample_gradient_dtype=double,
                    lambda_dtype=double,
                ),
            )
            for suffix, damping in {"": DAMPING, "_heuristic": None}.items():
                if damping is None and strategy != "ekfac":
                    continue
                arguments = ScoreArguments(
                    damping_factor=damping,
                    per_sample_gradient_dtype=double,
                    precondition_dtype=double,
                    score_dtype=double,
                    query_gradient_svd_dtype=double,
                )
                analyzer.compute_pairwise_scores(
                    f"pairs{suffix}",
                    factors_name="factors",
                    query_dataset=query,
                    train_dataset=train,
                    per_device_query_batch_size=2,
                    per_device_train_batch_size=7,
                    score_args=arguments,
                )
                analyzer.compute_self_scores(
                    f"own{suffix}",
                    factors_name="factors",
                    train_dataset=train,
                    per_device_train_batch_size=7,
                    score_args=arguments,
                )
                pairs = analyzer.load_pairwise_scores(f"pairs{suffix}")
                own = analyzer.load_self_scores(f"own{suffix}")
                results[strategy + suffix] = pairs["all_modules"].numpy().astype(np.float64)
                results[f"self.{strategy}{suffix}"] = own["all_modules"].numpy().astype(np.float64)
    return results


# MARK: dattri


def loss_of(model):
    def loss(parameters, data):
        return torch.nn.functional.cross_entropy(functional_call(model, parameters, (data[0],)), data[1])

    return loss


def loaders(data, queries, batches=1):
    size = len(data[0]) // batches
    return (
        DataLoader(TensorDataset(*data), batch_size=size, shuffle=False),
        DataLoader(TensorDataset(*queries), batch_size=len(queries[0]), shuffle=False),
    )


def run_dattri(model, checkpoints, data, queries, expected):
    from dattri.algorithm import influence_function as influence
    from dattri.algorithm.tracin import TracInAttributor
    from dattri.task import AttributionTask

    task = AttributionTask(loss_func=loss_of(model), model=model, checkpoints=checkpoints[-1])
    results = {}

    def scores(attributor, batches=1, caches=True, **options):
        train, test = loaders(data, queries, batches)
        whole = loaders(data, queries)[0]
        if caches:
            attributor.cache(train)
        return attributor.attribute(whole, test, **options).detach().numpy().T.astype(np.float64)

    def explicit():
        return influence.IFAttributorExplicit(task, regularization=DAMPING)

    results["explicit"] = scores(explicit())
    results["relatif_l"] = scores(explicit(), relatif_method="l")
    results["relatif_theta"] = scores(explicit(), relatif_method="theta")
    results["explicit_batches"] = scores(explicit(), batches=PARTS)
    for steps in CG_STEPS:
        results[f"cg_{steps}"] = scores(influence.IFAttributorCG(task, max_iter=steps, regularization=DAMPING))
    results["arnoldi_indefinite"] = scores(influence.IFAttributorArnoldi(task))
    results["datainf"] = scores(influence.IFAttributorDataInf(task, regularization=DAMPING))
    results["datainf_default"] = scores(influence.IFAttributorDataInf(task))

    fixed = WeightsOnly(checkpoints[-1])
    weights = AttributionTask(loss_func=loss_of(fixed), model=fixed, checkpoints=fixed.state_dict())
    results["ekfac"] = scores(influence.IFAttributorEKFAC(weights, damping=DAMPING))

    several = AttributionTask(loss_func=loss_of(model), model=model, checkpoints=checkpoints)

    def tracin(task, weights, normalized):
        attributor = TracInAttributor(task, weight_list=torch.tensor(weights), normalized_grad=normalized)
        attributor.projector_kwargs = None  # the default is a projection to 512
        return scores(attributor, caches=False)

    results["tracin"] = tracin(several, plain.CHECKPOINT_WEIGHTS, False)
    results["grad_cos"] = tracin(task, [1.0], True)
    return results | run_trak(model, checkpoints, data, queries, expected["trak.projection"])


def run_fisher(G, V):
    """dattri's solvers on F of all parameters, and the scaling of LiSSA."""
    from dattri.func import hessian, projection

    rows, queries = torch.from_numpy(G), torch.from_numpy(V)
    origin = torch.zeros(G.shape[1])

    def energy(theta, examples=rows):
        return ((examples @ theta) ** 2).mean() / 2

    def scores(solver):
        return (solver((origin,), queries) @ rows.T).detach().numpy()

    sigma = 1.05 * (np.linalg.eigvalsh(G.T @ G / len(G))[-1] + DAMPING)
    lissa = hessian.ihvp_lissa(
        energy, batch_size=len(G), recursion_depth=LISSA_DEPTH, damping=DAMPING / sigma, scaling=sigma
    )
    project = projection.arnoldi_project(
        G.shape[1], energy, origin, proj_dim=plain.RANK, max_iter=30, regularization=DAMPING
    )
    return float(sigma), {
        "fisher.explicit": scores(hessian.ihvp_explicit(energy, regularization=DAMPING)),
        "fisher.cg": scores(hessian.ihvp_cg(energy, max_iter=60, regularization=DAMPING)),
        "fisher.lissa": (lissa((origin, rows), queries, in_dims=(None, 0)) @ rows.T).detach().numpy(),
        "fisher.arnoldi_3": (project(queries) @ project(rows).T).detach().numpy(),
    }


def run_trak(model, checkpoints, data, queries, projection):
    from dattri.algorithm import trak
    from dattri.task import AttributionTask

    projection = torch.from_numpy(projection)
    # The same matrix for train and test, from the fixture, in the place of the library's own draw.
    trak.random_project = lambda *_, **__: lambda features, ensemble_id=0: features @ projection

    def margin(parameters, example):
        logits = functional_call(model, parameters, (example[0][None],))[0]
        log_p = -torch.nn.functional.cross_entropy(logits[None], example[1][None])
        return log_p - torch.log(1 - torch.exp(log_p))

    def probability(parameters, example):
        logits = functional_call(model, parameters, (example[0][None],))
        return torch.exp(-torch.nn.functional.cross_entropy(logits, example[1][None]))

    def scores(points, ridge):
        task = AttributionTask(loss_func=margin, model=model, checkpoints=points)
        # Features are divided by the root of the number of parameters before they are projected, so that a ridge of
        # theirs is this much smaller; without one it cancels.
        scale = len(net.flattened(checkpoints[0]))
        attributor = trak.TRAKAttributor(task, correct_probability_func=probability, regularization=ridge / scale)
        train, test = loaders(data, queries)
        attributor.cache(train)
        return attributor.attribute(test).detach().numpy().T.astype(np.float64)

    results = {"trak": scores(checkpoints, 0.0)}
    for k, point in enumerate(checkpoints):
        results[f"trak.{k}"] = scores([point], 0.0)
        results[f"trak_ridge.{k}"] = scores([point], plain.TRAK_RIDGE)
    return results


# MARK: What is as defined, and what departs


def in_basis(Q, F, damping):
    values = np.diag(Q.T @ F @ Q)
    return Q @ np.diag(1 / (values + damping)) @ Q.T


def transposed_ekfac(G, V, curvature):
    """In the basis of the eigenvectors' transpose, which depends on their signs: so they come from the same call."""

    def eigenvectors(matrix):
        return torch.linalg.eigh(torch.from_numpy(matrix), UPLO="U")[1].numpy()

    scores = 0
    for name in ("layers.0.weight", "head.weight"):
        g, v = G[name].reshape(len(G[name]), -1), V[name].reshape(len(V[name]), -1)
        S, A = curvature[f"{name}.output_gradients"], curvature[f"{name}.activations"]
        Q = np.kron(eigenvectors(S).T, eigenvectors(A).T)
        scores = scores + v @ in_basis(Q, g.T @ g / len(g), DAMPING) @ g.T
    return scores


def joined_gradients(gradients):
    """Weight and bias of a layer as one matrix, q x (p + 1)."""
    return {
        module: np.concatenate([gradients[f"{module}.weight"], gradients[f"{module}.bias"][:, :, None]], 2)
        for module in ("layers.0", "head")
    }


def kronfluence_definition(strategy, G, V, curvature, damping):
    """Scores and self-influence by d x d matrices, of gradients {module: examples x q x p}."""
    scores, own = 0, 0
    for name in G:
        g, v = G[name].reshape(len(G[name]), -1), V[name].reshape(len(V[name]), -1)
        F = g.T @ g / len(g)
        S, A = curvature[f"{name}.output_gradients"], curvature[f"{name}.activations"]
        Q = np.kron(plain.eigenvectors(S), plain.eigenvectors(A))
        fisher = {
            "diagonal": np.diag(np.diag(F)),
            "kfac": np.kron(S, A),
            "ekfac": Q @ np.diag(np.diag(Q.T @ F @ Q)) @ Q.T,
        }
        shift = 0.1 * np.trace(F) / len(F) if damping is None else damping
        M = np.eye(len(F)) if strategy == "identity" else np.linalg.inv(fisher[strategy] + shift * np.eye(len(F)))
        scores, own = scores + v @ M @ g.T, own + np.sum(g @ M * g, 1)
    return scores, own


def check_kronfluence(tensors, G, V, curvature):
    weights = ("layers.0.weight", "head.weight")
    for prefix, g, v in (
        ("", joined_gradients(G), joined_gradients(V)),
        ("weights.", {name: G[name] for name in weights}, {name: V[name] for name in weights}),
    ):
        for strategy in ("identity", "diagonal", "kfac", "ekfac", "ekfac_heuristic"):
            damping = None if strategy.endswith("heuristic") else DAMPING
            scores, own = kronfluence_definition(strategy.split("_")[0], g, v, curvature, damping)
            key = f"kronfluence.{prefix}{strategy}"
            check(key, tensors[key], scores)
            check(f"self.{key}", tensors[f"self.{key}"], own)


def check_datainf(actual, G, V):
    scores = 0
    for module in ("layers.0", "head"):
        names = [f"{module}.weight", f"{module}.bias"]
        g, v = plain.factor_rows(G, names), plain.factor_rows(V, names)
        M = np.mean([np.linalg.inv(np.outer(x, x) + DAMPING * np.eye(len(x))) for x in g], 0)
        scores = scores + v @ M @ g.T
    check("dattri.datainf", actual, scores)


def check(name, actual, expected, tolerance=1e-9):
    difference = relative_difference(actual, expected)
    print(f"{name:34} {difference:.1e}")
    assert difference < tolerance, name


def main():
    model, checkpoints, data, queries = net.train()
    expected = load_file(net.ESTIMATORS / "expected.safetensors")
    curvature = load_file(net.ESTIMATORS / "curvature.safetensors")
    G, V = load_file(net.ESTIMATORS / "train.safetensors"), load_file(net.ESTIMATORS / "query.safetensors")
    rows, query_rows = plain.factor_rows(G, net.PARAMETERS), plain.factor_rows(V, net.PARAMETERS)

    checkpoints = [{name: value.detach() for name, value in point.items()} for point in checkpoints]
    theirs = run_dattri(model, checkpoints, data, queries, expected)
    sigma, fisher = run_fisher(rows, query_rows)
    theirs |= fisher
    tensors = {f"dattri.{name}": value for name, value in theirs.items()}
    for prefix, network in {"": model, "weights.": WeightsOnly(checkpoints[-1])}.items():
        for name, value in run_kronfluence(network, data, queries).items():
            own = name.startswith("self.")
            tensors[f"self.kronfluence.{prefix}{name[5:]}" if own else f"kronfluence.{prefix}{name}"] = value

    def of_hessian(matrix):
        return query_rows @ np.linalg.inv(matrix + DAMPING * np.eye(len(matrix))) @ rows.T

    check_kronfluence(tensors, G, V, curvature)
    check_datainf(theirs["datainf"], G, V)
    check("dattri.explicit", theirs["explicit"], of_hessian(curvature["hessian"]))
    half = len(rows) // PARTS
    parts = [
        net.exact_hessian(model, checkpoints[-1], data[0][i : i + half], data[1][i : i + half]).numpy()
        for i in range(0, len(rows), half)
    ]
    check("dattri.explicit_batches, as done", theirs["explicit_batches"], sum(of_hessian(H) for H in parts))
    check("dattri.ekfac, as done", theirs["ekfac"], transposed_ekfac(G, V, curvature))
    check("dattri.tracin", theirs["tracin"], expected["tracin"])
    check("dattri.grad_cos", theirs["grad_cos"], expected["tensor.cosine"])
    for k in range(len(checkpoints)):
        check(f"dattri.trak.{k}", theirs[f"trak.{k}"], expected[f"trak.{k}"])
        check(f"dattri.trak_ridge.{k}", theirs[f"trak_ridge.{k}"], expected[f"trak_ridge.{k}"])
    wrong = [1 - expected[f"trak.{k}.probabilities"] for k in range(len(checkpoints))]
    means = np.mean([expected[f"trak.{k}"] / w for k, w in enumerate(wrong)], 0) * np.mean(wrong, 0)
    check("dattri.trak, as done", theirs["trak"], means)

    F = rows.T @ rows / len(rows)
    values, U = np.linalg.eigh(F)
    damped = F + DAMPING * np.eye(len(F))
    exact, r = query_rows @ np.linalg.inv(damped) @ rows.T, query_rows
    for _ in range(LISSA_DEPTH):
        r = query_rows + r - r @ damped / sigma
    check("dattri.fisher.explicit", theirs["fisher.explicit"], exact)
    check("dattri.fisher.cg", theirs["fisher.cg"], exact)
    check("dattri.fisher.lissa", theirs["fisher.lissa"], r @ rows.T / sigma)
    U, values = U[:, -plain.RANK :], values[-plain.RANK :]
    leading = query_rows @ U @ np.diag(1 / (values + DAMPING)) @ U.T @ rows.T
    check("dattri.fisher.arnoldi_3", theirs["fisher.arnoldi_3"], leading)
    print(f"dattri.cg_12: {relative_difference(theirs['cg_12'], theirs['explicit']):.1e} from explicit")
    check("dattri.cg_200", theirs["cg_200"], theirs["explicit"])
    M = np.linalg.inv(curvature["hessian"] + DAMPING * np.eye(len(F)))
    check("dattri.relatif_l", theirs["relatif_l"], theirs["explicit"] / np.sqrt(np.diag(rows @ M @ rows.T)))
    check("dattri.relatif_theta", theirs["relatif_theta"], theirs["explicit"] / np.linalg.norm(rows @ M, axis=1))
    for name, value in tensors.items():
        bad = int((~np.isfinite(value)).sum())
        if bad:
            print(f"{name}: {bad} of {value.size} are not finite")
        assert (bad > 0) == (name in ("dattri.cg_1000", "dattri.arnoldi_indefinite", "dattri.datainf_default")), name

    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, net.ESTIMATORS / "libraries.safetensors")
    description = {
        "about": ABOUT,
        "departures": DEPARTURES,
        "damping": DAMPING,
        "lissa_depth": LISSA_DEPTH,
        "sigma": sigma,
        "tensors": {name: list(value.shape) for name, value in tensors.items()},
        "versions": {name: version(name) for name in ("kronfluence", "dattri", "torch", "numpy")},
    }
    net.write_json(description, net.ESTIMATORS / "libraries.json")
    print(f"{len(tensors)} tensors, {(net.ESTIMATORS / 'libraries.safetensors').stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
