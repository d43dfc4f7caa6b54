"""Scores of every estimator on the network of perceptron.py, each from its definition by d x d matrices, in float64.

    python estimators.py     writes expected.{safetensors,json} and members.safetensors under
                             Tests/InfluenceTests/Fixtures/estimators/

Nothing is shared with the engine and nothing is clever: F is formed, M is formed as a matrix, M v is a product. Where
the engine has a recursion or a small kernel, here stands the inverse that it must come to.
"""

import numpy as np
import torch
from safetensors.numpy import save_file
from torch.func import functional_call, grad

import perceptron as net

DAMPING_FACTOR = 0.1
PARTITIONS = {
    "tensor": [[name] for name in net.PARAMETERS],
    "layer": [["layers.0.weight", "layers.0.bias"], ["head.weight", "head.bias"]],
    "all": [net.PARAMETERS],
}
SHAPES = {
    "layers.0.weight": (net.HIDDEN, net.INPUTS),
    "layers.0.bias": (net.HIDDEN, 1),
    "head.weight": (net.CLASSES, net.HIDDEN),
    "head.bias": (net.CLASSES, 1),
}
RANK = 3
# The rows that the engine draws for 8 landmarks of 30 examples with seed 3: data, not something to compute here.
LANDMARKS = [0, 3, 8, 13, 18, 22, 26, 29]
GROUP = [2, 7, 11, 20]
CHECKPOINT_WEIGHTS = [0.5, 0.3, 0.15]
SEGMENT_TIMES = [4.0, 10.0, 2.5]
MEMBERS, DROPOUT_RATE = 2, 0.25
LOGRA_SIZES = {"layers.0.weight": (2, 3), "head.weight": (2, 2)}
LEADING = 2
TRAK_FEATURES, TRAK_RIDGE = 8, 0.25
OPTIMIZER = {"lr": 0.02, "betas": (0.9, 0.99), "eps": 1e-6, "weight_decay": 0.1}
OPTIMIZER_BATCH = 6
SEED = 77

ABOUT = {
    "notation": "per block: G is n x d, row i the gradient of training example i's own loss; V is m x d, of query q; "
    "F = G^T G / n; lambda = damping_factor * trace(F) / d; S = V M G^T summed over blocks, positive = helpful",
    "<partition>.<method>": "scores, m x n; blocks are parameter tensors, layers (weight and bias), or all parameters",
    "self.<partition>.<method>": "g_i^T M g_i summed over blocks, n; of cosine and relatif divided as the scores are",
    "hessian_free": "M = I",
    "block_normalized": "M = I / lambda",
    "datainf": "M = mean over i of inverse(g_i g_i^T + lambda I)",
    "exact": "M = inverse(F + lambda I)",
    "cosine": "v.g / (|v| |g|) of whole gradients",
    "relatif_l": "exact scores / sqrt(self-influence), both summed over blocks first; relatif_l_datainf: datainf's",
    "relatif_theta": "exact scores / norm of M g_i over all blocks",
    "diagonal": "M = inverse(diag(F) + lambda I)",
    "shampoo": "M = inverse(kron(L, R) / trace(L) + lambda I), L = mean g g^T (q x q), R = mean g^T g (p x p), g a q x p "
    "matrix; a bias is q x 1",
    "eshampoo": "M = Q inverse(diag(Q^T F Q) + lambda I) Q^T, Q the Kronecker product of the eigenvectors of L and R",
    "kfac": "M = inverse(kron(S, A) + lambda I), factors of curvature.safetensors",
    "ekfac": "as eshampoo, with Q of S and A",
    "arnoldi_3": "M = U inverse(diag(w) + lambda I) U^T + (I - U U^T) / lambda, w and U the 3 leading eigenpairs of F",
    "arnoldi_3_dropped": "the same without its second term",
    "lorif_3": "M = (I - V diag(s^2 / (s^2 + lambda)) V^T) / lambda, s and V the 3 leading singular values and right "
    "singular vectors of G / root of n",
    "nystrom": "M = inverse(P F P + lambda I), P the projection onto the gradients of `landmarks`",
    "source": "M = integral of exp(-F s) over s from 0 to 1 / lambda; source_3: to 3",
    "hyperinf_columns": "M = kron(I, inverse(R + lambda I)); hyperinf_rows: M = kron(inverse(L + lambda I), I); R and L of shampoo",
    "unit_datainf": "datainf's scores / (|v| |g|), norms over all blocks",
    "rescaled": "n times what leaving example i out adds to v.theta in the damped Fisher model of each block: v inverse(F - "
    "g_i g_i^T / n + lambda I) g_i, summed over blocks; of self with g_i in the place of v",
    "trackstar": "v M g / sqrt(v M v  g M g), each product summed over blocks: M = D inverse(D F D + lambda' I) D, D = 1 / "
    "(root of optimizer.second / (1 - beta2^step) + epsilon), lambda' = lambda trace(D F D) / trace(F); trackstar_mixed: F "
    "is 0.3 F + 0.7 V^T V / m, V the queries; trackstar_gradients: D the roots of the diagonal of F",
    "less": "cosine of v with the change of the parameters that torch.optim.AdamW makes of g_i alone, taken with a learning "
    "rate of 1 and without decay, from the state that steps on batches have left: optimizer.first and optimizer.second, "
    "its moments in the order of the parameters; `optimizer` has its other numbers",
    "exact_hessian, exact_ggn": "M = inverse(B + lambda I), B the block's own part of `hessian` or `ggn`",
    "logra": "of the two weights: exact on P_out g P_in^T, the projected gradients being logra.train.<p> and "
    "logra.query.<p>, with lambda from them",
    "logra_pca": "the same with the leading eigenvectors of mean g g^T and of mean g^T g over the training gradients for P_out and "
    "P_in; logra_factors: of the factors in curvature.safetensors",
    "trak": "Phi_q inverse(Phi^T Phi + ridge I) Phi^T diag(1 - p), Phi the features trak.train, Phi_q trak.query, p the "
    "probabilities trak.probabilities; trak_ridge with ridge = trak_ridge",
    "tracin": "sum over checkpoints of weight * V G^T at the parameters checkpoint.<k>",
    "segments": "SOURCE over the checkpoints, each tensor a block, queries of the last: from the last to the first V_l times the "
    "integral of exp(-F_l s) over s from 0 to `segment_times` times G_l^T, then V_(l-1) = V_l exp(-F_l time)",
    "ensemble": "mean over members of V G^T, gradients under dropout, rounded to float32 (members.safetensors: "
    "<k>.train.<p>, <k>.query.<p>)",
    "reach": "how far a relative error of 1 in the damped curvature can move a score or a self-influence, by key: sum over "
    "blocks of |M| cond(M) max |v| max |g|, v of queries and training examples; of quotients the sum of both parts'",
    "inputs, query_inputs": "what the network read; labels and query_labels are in the JSON file",
    "group.<partition>": "rows first, second, additive of the change of each query's loss when `group` is removed, M of "
    "exact. first: sum of S / n. second: V inverse(F_U + lambda I) sum_U g / n with F_U = F - (1/n) sum_U g g^T, lambda "
    "as before. additive: the sum of second orders of each example removed by itself",
}


def factor_rows(gradients, block):
    """Examples x columns of one block, which is a list of parameters."""
    return np.concatenate([gradients[name].reshape(len(gradients[name]), -1) for name in block], 1)


def damping(G):
    return DAMPING_FACTOR * np.trace(G.T @ G / len(G)) / G.shape[1]


def inverse(matrix):
    return np.linalg.inv(matrix)


def in_basis(Q, F):
    """The diagonal that is nearest to F in the basis of Q's columns."""
    return Q @ np.diag(np.diag(Q.T @ F @ Q)) @ Q.T


def second_moments(G, shape):
    g = G.reshape(len(G), *shape)
    return np.mean([x @ x.T for x in g], 0), np.mean([x.T @ x for x in g], 0)


def schulz(matrix):
    """The inverse as HyperINF comes to it: X <- X (2 I - A X)."""
    X = matrix.T / (np.linalg.norm(matrix, 1) * np.linalg.norm(matrix, np.inf))
    for _ in range(100):
        X = X @ (2 * np.eye(len(matrix)) - matrix @ X)
    return X


def eigenvectors(matrix):
    return np.linalg.eigh(matrix)[1]


class Block:
    """One block's matrices, and M of each method."""

    def __init__(self, names, gradients, curvature):
        self.names = names
        self.G = factor_rows(gradients, names)
        self.n, self.d = self.G.shape
        self.F = self.G.T @ self.G / self.n
        self.damp = damping(self.G)
        self.I = np.eye(self.d)
        self.curvature = curvature

    def columns(self):
        """The columns of these parameters among all."""
        columns, start = [], 0
        for name in net.PARAMETERS:
            size = int(np.prod(SHAPES[name]))
            if name in self.names:
                columns += range(start, start + size)
            start += size
        return columns

    def columns_of(self, vector):
        return vector[self.columns()]

    def part(self, matrix):
        """The rows and columns of these parameters in a matrix over all of them."""
        return matrix[np.ix_(self.columns(), self.columns())]

    def damped(self, matrix):
        return inverse(matrix + self.damp * self.I)

    def hessian_free(self):
        return self.I

    def block_normalized(self):
        return self.I / self.damp

    def datainf(self):
        return np.mean([self.damped(np.outer(g, g)) for g in self.G], 0)

    def exact(self):
        return self.damped(self.F)

    def diagonal(self):
        return self.damped(np.diag(np.diag(self.F)))

    def shampoo(self):
        L, R = second_moments(self.G, SHAPES[self.names[0]])
        return self.damped(np.kron(L, R) / np.trace(L))

    def eshampoo(self):
        L, R = second_moments(self.G, SHAPES[self.names[0]])
        return self.damped(in_basis(np.kron(eigenvectors(L), eigenvectors(R)), self.F))

    def factors(self):
        name = self.names[0]
        return self.curvature[f"{name}.output_gradients"], self.curvature[f"{name}.activations"]

    def kfac(self):
        S, A = self.factors()
        return self.damped(np.kron(S, A))

    def ekfac(self):
        S, A = self.factors()
        return self.damped(in_basis(np.kron(eigenvectors(S), eigenvectors(A)), self.F))

    def leading(self):
        values, vectors = np.linalg.eigh(self.F)
        return values[-RANK:], vectors[:, -RANK:]

    def arnoldi_3_dropped(self):
        values, U = self.leading()
        return U @ np.diag(1 / (values + self.damp)) @ U.T

    def arnoldi_3(self):
        U = self.leading()[1]
        return self.arnoldi_3_dropped() + (self.I - U @ U.T) / self.damp

    def lorif_3(self):
        s, Vt = np.linalg.svd(self.G / np.sqrt(self.n))[1:]
        s, Vt = s[:RANK], Vt[:RANK]
        return (self.I - Vt.T @ np.diag(s**2 / (s**2 + self.damp)) @ Vt) / self.damp

    def nystrom(self):
        few = self.G[LANDMARKS]
        P = np.linalg.pinv(few, rcond=1e-10) @ few
        return self.damped(P @ self.F @ P)

    def source(self, time=None):
        """The integral of exp(-F s) over s from 0 to the time, as a corner of one matrix exponential."""
        time = 1 / self.damp if time is None else time
        both = np.block([[-self.F, self.I], [np.zeros_like(self.F), np.zeros_like(self.F)]])
        return torch.matrix_exp(torch.from_numpy(time * both)).numpy()[: self.d, self.d :]

    def source_3(self):
        return self.source(3.0)

    def hyperinf_columns(self):
        q, p = SHAPES[self.names[0]]
        return np.kron(np.eye(q), schulz(second_moments(self.G, (q, p))[1] + self.damp * np.eye(p)))

    def hyperinf_rows(self):
        q, p = SHAPES[self.names[0]]
        return np.kron(schulz(second_moments(self.G, (q, p))[0] + self.damp * np.eye(q)), np.eye(p))

    def exact_hessian(self):
        return self.damped(self.part(self.curvature["hessian"]))

    def exact_ggn(self):
        return self.damped(self.part(self.curvature["ggn"]))


OF_ANY_BLOCK = ["hessian_free", "block_normalized", "datainf", "exact", "diagonal", "arnoldi_3"]
OF_ANY_BLOCK += ["arnoldi_3_dropped", "lorif_3", "nystrom", "exact_hessian", "exact_ggn", "source", "source_3"]
OF_TENSORS = ["shampoo", "eshampoo", "kfac", "ekfac", "hyperinf_columns", "hyperinf_rows"]


def largest_row(rows):
    return np.linalg.norm(rows, axis=1).max()


def score_blocks(method, blocks, queries):
    """Scores, self-influence and |M g|^2, summed over blocks; and their reaches (see ABOUT)."""
    scores, own, changes, reach, change_reach = 0, 0, 0, 0, 0
    for block in blocks:
        M, V = getattr(block, method)(), factor_rows(queries, block.names)
        moved = block.G @ M.T
        scores = scores + V @ M @ block.G.T
        own = own + np.sum(moved * block.G, 1)
        changes = changes + np.sum(moved**2, 1)
        damped_fisher = np.linalg.norm(block.F, 2) / block.damp + 1
        amplified = np.linalg.norm(M, 2) * (damped_fisher if method.endswith("dropped") else np.linalg.cond(M))
        reach += amplified * max(largest_row(V), largest_row(block.G)) * largest_row(block.G)
        change_reach += amplified * largest_row(block.G)
    return scores, own, changes, float(reach), float(change_reach)


def partition_results(blocks, queries, methods):
    tensors, reaches = {}, {}
    for method in methods:
        scores, own, changes, reach, change_reach = score_blocks(method, blocks, queries)
        tensors |= {method: scores, f"self.{method}": own}
        reaches[method] = reach
        if method in ("exact", "datainf"):
            suffix = "" if method == "exact" else "_datainf"
            sizes = {"l": (np.sqrt(own), reach / (2 * np.sqrt(own))), "theta": (np.sqrt(changes), change_reach)}
            for name, (size, size_reach) in sizes.items():
                name = f"relatif_{name}{suffix}"
                tensors |= {name: scores / size, f"self.{name}": own / size}
                largest = np.maximum(np.abs(scores).max(0), own)
                reaches[name] = float(np.max(reach / size + largest / size**2 * size_reach))
        if method == "datainf":
            # Whole gradients, whatever the blocks are.
            v = np.linalg.norm(factor_rows(queries, net.PARAMETERS), axis=1)
            g = np.linalg.norm(np.concatenate([block.G for block in blocks], 1), axis=1)
            tensors |= {"unit_datainf": scores / np.outer(v, g), "self.unit_datainf": own / g**2}
            reaches["unit_datainf"] = float(reach / (min(v.min(), g.min()) * g.min()))
    return tensors, reaches


def trained_optimizer(gradients):
    """AdamW after a step on the mean gradient of each batch of rows, and its only parameter."""
    rows = torch.from_numpy(factor_rows(gradients, net.PARAMETERS))
    parameter = torch.nn.Parameter(torch.zeros(rows.shape[1], dtype=torch.float64))
    optimizer = torch.optim.AdamW([parameter], **OPTIMIZER)
    for batch in rows.split(OPTIMIZER_BATCH):
        parameter.grad = batch.mean(0)
        optimizer.step()
    return optimizer, parameter


def less(gradients, queries, optimizer, parameter):
    """Scores, self-influence and how far rounding of a step can turn it."""
    G, V = factor_rows(gradients, net.PARAMETERS), factor_rows(queries, net.PARAMETERS)
    state, steps = optimizer.state[parameter], []
    for g in G:
        alone = torch.nn.Parameter(torch.zeros_like(parameter))
        other = torch.optim.AdamW([alone], **{**OPTIMIZER, "lr": 1.0, "weight_decay": 0.0})
        other.state[alone] = {name: value.clone() for name, value in state.items()}
        alone.grad = torch.from_numpy(g)
        other.step()
        steps.append(-alone.detach().numpy())
    steps = np.array(steps)
    lengths = np.linalg.norm(steps, axis=1)
    scores = V @ steps.T / np.outer(np.linalg.norm(V, axis=1), lengths)
    own = np.sum(G * steps, 1) / (np.linalg.norm(G, axis=1) * lengths)
    # Mean and gradient may cancel in a step: its rounding is that of the larger.
    beta = OPTIMIZER["betas"][0]
    sizes = beta * np.abs(state["exp_avg"].numpy()) + (1 - beta) * np.abs(G)
    sums = np.abs(beta * state["exp_avg"].numpy() + (1 - beta) * G)
    turned = np.abs(steps) * sizes / np.maximum(sums, 1e-300)
    return scores, own, float((np.linalg.norm(turned, axis=1) / lengths).max())


def cosine(gradients, queries):
    G, V = factor_rows(gradients, net.PARAMETERS), factor_rows(queries, net.PARAMETERS)
    return V @ G.T / np.outer(np.linalg.norm(V, axis=1), np.linalg.norm(G, axis=1))


def removed(blocks, queries, rows):
    """What removing rows does to the queries' losses in the damped Fisher model without them."""
    effect = 0
    for block in blocks:
        gone = block.G[rows]
        without = block.damped(block.F - gone.T @ gone / block.n)
        effect = effect + factor_rows(queries, block.names) @ without @ gone.sum(0) / block.n
    return effect


def rescaled(blocks, gradients, queries):
    """Scores and self-influence by leaving out one example after the other."""
    n = blocks[0].n
    scores = np.stack([n * removed(blocks, queries, [row]) for row in range(n)], 1)
    own = np.array([n * removed(blocks, {p: g[row:row + 1] for p, g in gradients.items()}, [row])[0] for row in range(n)])
    left = min((1 - np.einsum("ij,jk,ik->i", block.G, block.exact(), block.G) / n).min() for block in blocks)
    return scores, own, left


def trackstar(blocks, queries, roots=None, share=0.0):
    """Scores by whole vectors R^(-1/2) D g of unit length, and how far rounding can turn them."""
    left, right, reach = [], [], 0
    for block in blocks:
        V = factor_rows(queries, block.names)
        D = np.diag(1 / (block.columns_of(roots) if roots is not None else np.sqrt(np.diag(block.F))))
        R = D @ ((1 - share) * block.F + share * V.T @ V / len(V)) @ D
        values, Q = np.linalg.eigh(R + block.damp * np.trace(R) / np.trace(block.F) * block.I)
        half = Q @ np.diag(values**-0.5) @ Q.T @ D
        left.append(V @ half.T)
        right.append(block.G @ half.T)
        reach = max(reach, values[-1] / values[0])
    left, right = np.concatenate(left, 1), np.concatenate(right, 1)
    scores = left @ right.T / np.outer(np.linalg.norm(left, axis=1), np.linalg.norm(right, axis=1))
    return scores, float(8 * reach)


def group_effects(blocks, queries, scores):
    first = scores[:, GROUP].sum(1) / blocks[0].n
    additive = sum(removed(blocks, queries, [row]) for row in GROUP)
    return np.stack([first, removed(blocks, queries, GROUP), additive])


# MARK: Projections, checkpoints and members


def logra(gradients, queries, generator):
    tensors, scores, own = {}, 0, 0
    for name, (rows, columns) in LOGRA_SIZES.items():
        q, p = SHAPES[name]
        P_out, P_in = generator.standard_normal((rows, q)), generator.standard_normal((columns, p))
        G, V = (np.stack([P_out @ g @ P_in.T for g in store[name]]) for store in (gradients, queries))
        tensors |= {f"logra.out.{name}": P_out, f"logra.in.{name}": P_in}
        tensors |= {f"logra.train.{name}": G, f"logra.query.{name}": V}
        G, V = G.reshape(len(G), -1), V.reshape(len(V), -1)
        M = inverse(G.T @ G / len(G) + damping(G) * np.eye(G.shape[1]))
        scores, own = scores + V @ M @ G.T, own + np.diag(G @ M @ G.T)
    return tensors | {"logra": scores, "self.logra": own}


def leading_directions(matrix):
    """The leading eigenvectors as rows, and how much nearer to each other eigenvalues are than to zero."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors[:, -LEADING:].T, values[-1] / (values[-LEADING] - values[-LEADING - 1])


def logra_pca(gradients, queries, moments):
    """Scores and self-influence of the two weights by leading directions, and how far rounding can move them."""
    scores, own, reach = 0, 0, 0
    for name in LOGRA_SIZES:
        (P_out, out_gap), (P_in, in_gap) = (leading_directions(matrix) for matrix in moments(name))
        G, V = (
            np.stack([P_out @ g @ P_in.T for g in store[name]]).reshape(len(store[name]), -1) for store in (gradients, queries)
        )
        M = inverse(G.T @ G / len(G) + damping(G) * np.eye(G.shape[1]))
        scores, own = scores + V @ M @ G.T, own + np.diag(G @ M @ G.T)
        largest = max(largest_row(V), largest_row(G)) * largest_row(G)
        reach += np.linalg.norm(M, 2) * np.linalg.cond(M) * largest * (out_gap + in_gap)
    return scores, own, float(reach)


def trak(features, query_features, p, ridge):
    kernel = features.T @ features + ridge * np.eye(features.shape[1])
    return query_features @ inverse(kernel) @ features.T @ np.diag(1 - p)


def to_numpy(gradients):
    return {name: value.detach().numpy() for name, value in gradients.items()}


def trak_results(model, checkpoints, data, queries, generator):
    """The features of each checkpoint are margin gradients times one and the same normal matrix."""
    tensors = {"trak.projection": generator.standard_normal((43, TRAK_FEATURES)) / np.sqrt(TRAK_FEATURES)}
    for k, parameters in enumerate(checkpoints):
        for kind, (x, y) in {"train": data, "query": queries}.items():
            G = factor_rows(to_numpy(net.per_example(net.margin, model, parameters, x, y)), net.PARAMETERS)
            tensors[f"trak.{k}.{kind}"] = G @ tensors["trak.projection"]
        p = net.probabilities(model, parameters, *data).detach().numpy()
        tensors[f"trak.{k}.probabilities"] = p
        for name, ridge in {"trak": 0, "trak_ridge": TRAK_RIDGE}.items():
            Phi = tensors[f"trak.{k}.train"]
            tensors[f"{name}.{k}"] = trak(Phi, tensors[f"trak.{k}.query"], p, ridge)
            tensors[f"self.{name}.{k}"] = np.diag(trak(Phi, Phi, p, ridge)).copy()
    return tensors


def tracin_results(model, checkpoints, data, queries):
    tensors = {f"checkpoint.{k}": net.flattened(c).detach().numpy() for k, c in enumerate(checkpoints)}
    scores, own = 0, 0
    for weight, parameters in zip(CHECKPOINT_WEIGHTS, checkpoints):
        G, V = (
            factor_rows(to_numpy(net.per_example(net.example_loss, model, parameters, *d)), net.PARAMETERS)
            for d in (data, queries)
        )
        scores, own = scores + weight * V @ G.T, own + weight * np.sum(G * G, 1)
    return tensors | {"tracin": scores, "self.tracin": own}


def segment_results(model, checkpoints, data, queries):
    G = [to_numpy(net.per_example(net.example_loss, model, parameters, *data)) for parameters in checkpoints]
    V = to_numpy(net.per_example(net.example_loss, model, checkpoints[-1], *queries))
    scores, reach = 0, 0
    for names in PARTITIONS["tensor"]:
        left = factor_rows(V, names)
        for time, gradients in reversed(list(zip(SEGMENT_TIMES, G))):
            block = Block(names, gradients, None)
            scores = scores + left @ block.source(time) @ block.G.T
            reach += time * (1 + time * np.linalg.norm(block.F, 2)) * largest_row(left) * largest_row(block.G)
            left = left @ torch.matrix_exp(torch.from_numpy(-time * block.F)).numpy()
    return scores, float(reach)


def ensemble_results(parameters, data, queries):
    """Gradients with hidden units silenced at random, the others scaled up, each example and member anew."""
    generator = torch.Generator().manual_seed(SEED)
    members, scores = {}, 0

    def loss(p, x, label, mask):
        hidden = mask * torch.tanh(p["layers.0.weight"] @ x + p["layers.0.bias"])
        logits = p["head.weight"] @ hidden + p["head.bias"]
        return torch.nn.functional.cross_entropy(logits[None], label[None])

    for k in range(MEMBERS):
        rows = {}
        for kind, (inputs, labels) in {"train": data, "query": queries}.items():
            masks = (torch.rand(len(inputs), net.HIDDEN, generator=generator) >= DROPOUT_RATE) / (1 - DROPOUT_RATE)
            parts = [grad(loss)(parameters, x, y, mask) for x, y, mask in zip(inputs, labels, masks)]
            gradients = {name: torch.stack([part[name] for part in parts]).float().numpy() for name in net.PARAMETERS}
            members |= {f"{k}.{kind}.{name}": value for name, value in gradients.items()}
            rows[kind] = factor_rows(gradients, net.PARAMETERS).astype(np.float64)
        scores = scores + rows["query"] @ rows["train"].T / MEMBERS
    return members, {"ensemble": scores}


def main():
    model, checkpoints, data, queries = net.train()
    parameters = checkpoints[-1]
    G = to_numpy(net.per_example(net.example_loss, model, parameters, *data))
    V = to_numpy(net.per_example(net.example_loss, model, parameters, *queries))
    curvature = to_numpy(net.curvature_file(model, parameters, *data))
    generator = np.random.default_rng(SEED)

    optimizer, parameter = trained_optimizer(G)
    state = optimizer.state[parameter]
    roots = np.sqrt(state["exp_avg_sq"].numpy() / (1 - OPTIMIZER["betas"][1] ** int(state["step"]))) + OPTIMIZER["eps"]

    tensors, lambdas, reaches = {"tensor.cosine": cosine(G, V)}, {}, {"tensor.cosine": 1.0}
    for partition, groups in PARTITIONS.items():
        blocks = [Block(names, G, curvature) for names in groups]
        lambdas[partition] = [block.damp for block in blocks]
        methods = OF_ANY_BLOCK + (OF_TENSORS if partition == "tensor" else [])
        results, found = partition_results(blocks, V, methods)
        scores, own, left = rescaled(blocks, G, V)
        results |= {"rescaled": scores, "self.rescaled": own}
        # The curvature without an example is nearer to singular by what is left of it, and so is the quotient.
        found["rescaled"] = found["exact"] / left**2
        results["trackstar"], found["trackstar"] = trackstar(blocks, V, roots)
        results["trackstar_mixed"], found["trackstar_mixed"] = trackstar(blocks, V, roots, share=0.7)
        results["trackstar_gradients"], found["trackstar_gradients"] = trackstar(blocks, V)
        reaches |= {f"{partition}.{name}": value for name, value in found.items()}
        for name, value in results.items():
            own = name.startswith("self.")
            tensors[f"self.{partition}.{name[5:]}" if own else f"{partition}.{name}"] = value
        tensors[f"group.{partition}"] = group_effects(blocks, V, results["exact"])
    tensors |= logra(G, V, generator)
    tensors |= trak_results(model, checkpoints, data, queries, generator)
    for key, moments in {
        "logra_pca": lambda name: second_moments(G[name], SHAPES[name]),
        "logra_factors": lambda name: [curvature[f"{name}.{side}"] for side in ("output_gradients", "activations")],
    }.items():
        tensors[key], tensors[f"self.{key}"], reaches[key] = logra_pca(G, V, moments)
    tensors |= tracin_results(model, checkpoints, data, queries)
    tensors["segments"], reaches["segments"] = segment_results(model, checkpoints, data, queries)
    tensors |= {"optimizer.first": state["exp_avg"].numpy(), "optimizer.second": state["exp_avg_sq"].numpy()}
    tensors["tensor.less"], tensors["self.tensor.less"], reaches["tensor.less"] = less(G, V, optimizer, parameter)
    members, ensemble = ensemble_results(parameters, data, queries)
    tensors |= ensemble | {"inputs": data[0].numpy(), "query_inputs": queries[0].numpy()}

    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, net.ESTIMATORS / "expected.safetensors")
    save_file({name: np.ascontiguousarray(value) for name, value in members.items()}, net.ESTIMATORS / "members.safetensors")
    description = {
        "about": ABOUT,
        "seed": SEED,
        "damping_factor": DAMPING_FACTOR,
        "partitions": PARTITIONS,
        "parameters": net.PARAMETERS,
        "shapes": {name: list(G[name].shape[1:]) for name in net.PARAMETERS},
        "labels": data[1].tolist(),
        "query_labels": queries[1].tolist(),
        "lambda": lambdas,
        "landmarks": LANDMARKS,
        "optimizer": {
            "step": int(state["step"]), "beta1": OPTIMIZER["betas"][0], "beta2": OPTIMIZER["betas"][1], "epsilon": OPTIMIZER["eps"]
        },
        "group": GROUP,
        "checkpoint_weights": CHECKPOINT_WEIGHTS,
        "segment_times": SEGMENT_TIMES,
        "trak_ridge": TRAK_RIDGE,
        "reach": reaches,
        "tensors": {name: list(value.shape) for name, value in tensors.items()},
        "versions": {"torch": torch.__version__.split("+")[0], "numpy": np.__version__},
    }
    net.write_json(description, net.ESTIMATORS / "expected.json")
    for name, value in tensors.items():
        if name.startswith(("tensor.", "all.")):
            reference = tensors[name.split(".")[0] + ".exact"]
            correlation = np.corrcoef(value.ravel(), reference.ravel())[0, 1]
            print(f"{name:28} largest {np.abs(value).max():.3e}, correlation with exact {correlation:+.4f}")
    print(f"{len(tensors)} tensors; " + ", ".join(f"{p.name} {p.stat().st_size:,}" for p in sorted(net.ESTIMATORS.iterdir())))


if __name__ == "__main__":
    main()
