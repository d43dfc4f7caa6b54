"""A small tanh network with everything that influence needs of it, by autograd in float64.

    python perceptron.py     writes Tests/ModelsTests/Fixtures/perceptron.{safetensors,json}
                             and train, query and curvature under Tests/InfluenceTests/Fixtures/estimators/

The other programs of this folder take the network from here: `Perceptron` is a plain module, and every derivative is
asked of torch.func by name, one example at a time.
"""

import json
import re
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.func import functional_call, grad, hessian, jacrev

REPOSITORY = Path(__file__).resolve().parents[2]
MODELS = REPOSITORY / "Tests" / "ModelsTests" / "Fixtures"
ESTIMATORS = REPOSITORY / "Tests" / "InfluenceTests" / "Fixtures" / "estimators"

SEED = 31
INPUTS, HIDDEN, CLASSES = 6, 4, 3
TRAIN_ROWS, QUERY_ROWS = 30, 5
STEP_SIZE = 0.4
CHECKPOINTS = [5, 20, 60]  # after so many steps of gradient descent; the last one is the network

# How the fixtures name the parameters, in the order of a gradient's columns.
PARAMETERS = ["layers.0.weight", "layers.0.bias", "head.weight", "head.bias"]

ABOUT = {
    "network": "logits = head.weight tanh(layers.0.weight x + layers.0.bias) + head.bias; weights are out x in",
    "loss": "softmax cross-entropy of one example, in nats, not averaged",
    "gradient.<p>": "examples x the parameter's shape: row i by autograd of example i's own loss",
    "margin_gradient.<p>": "the same of log p - log(1 - p), p the probability of the example's label",
    "hessian": "second derivative of the mean loss by all parameters, in the order of `parameters`, row-major; "
    "torch.func.hessian",
    "ggn": "mean over examples of J^T (diag(p) - p p^T) J, J the Jacobian of the logits by autograd",
    "<weight>.activations": "A = mean a a^T, a the inputs of the linear map; a bias has the one input 1",
    "<weight>.output_gradients": "S = mean s s^T, s the gradient of an example's loss by the map's outputs, by autograd, "
    "with the labels of the data",
}


class Perceptron(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList([torch.nn.Linear(INPUTS, HIDDEN)])
        self.head = torch.nn.Linear(HIDDEN, CLASSES)

    def forward(self, x):
        return self.head(torch.tanh(self.layers[0](x)))


def example_loss(model, parameters, x, label):
    return torch.nn.functional.cross_entropy(functional_call(model, parameters, (x[None],)), label[None])


def margin(model, parameters, x, label):
    log_p = torch.log_softmax(functional_call(model, parameters, (x[None],))[0], 0)
    others = torch.cat([log_p[:label], log_p[label + 1 :]])
    return log_p[label] - torch.logsumexp(others, 0)


def per_example(function, model, parameters, inputs, labels):
    """{parameter: examples x shape}: the gradient of `function` at one example after the other."""
    rows = [grad(lambda p: function(model, p, x, y))(parameters) for x, y in zip(inputs, labels)]
    return {name: torch.stack([row[name] for row in rows]) for name in PARAMETERS}


def joined(gradients):
    """Examples x all parameters."""
    return torch.cat([gradients[name].flatten(1) for name in PARAMETERS], 1)


def unflattened(model, vector):
    parameters, start = {}, 0
    shapes = dict(model.named_parameters())
    for name in PARAMETERS:
        size = shapes[name].numel()
        parameters[name] = vector[start : start + size].reshape(shapes[name].shape)
        start += size
    return parameters


def flattened(parameters):
    return torch.cat([parameters[name].flatten() for name in PARAMETERS])


def exact_hessian(model, parameters, inputs, labels):
    def mean_loss(vector):
        logits = functional_call(model, unflattened(model, vector), (inputs,))
        return torch.nn.functional.cross_entropy(logits, labels)

    return hessian(mean_loss)(flattened(parameters))


def gauss_newton(model, parameters, inputs):
    vector = flattened(parameters)
    total = torch.zeros(len(vector), len(vector))
    for x in inputs:
        def logits(v):
            return functional_call(model, unflattened(model, v), (x[None],))[0]

        J, p = jacrev(logits)(vector), torch.softmax(logits(vector), 0)
        total += J.T @ (torch.diag(p) - torch.outer(p, p)) @ J
    return total / len(inputs)


def kronecker_factors(parameters, inputs, labels):
    """{module: (activations n x p, output gradients n x q)}, the latter by autograd from the map's outputs on."""

    def after_first(outputs, label):
        logits = parameters["head.weight"] @ torch.tanh(outputs) + parameters["head.bias"]
        return torch.nn.functional.cross_entropy(logits[None], label[None])

    def after_head(logits, label):
        return torch.nn.functional.cross_entropy(logits[None], label[None])

    first = inputs @ parameters["layers.0.weight"].T + parameters["layers.0.bias"]
    hidden = torch.tanh(first)
    logits = hidden @ parameters["head.weight"].T + parameters["head.bias"]
    return {
        "layers.0": (inputs, torch.stack([grad(after_first)(z, y) for z, y in zip(first, labels)])),
        "head": (hidden, torch.stack([grad(after_head)(z, y) for z, y in zip(logits, labels)])),
    }


def second_moment(rows):
    return rows.T @ rows / len(rows)


def curvature_file(model, parameters, inputs, labels):
    """The tensors of a `curvature.safetensors` (docs/store.md): of each tensor, and of weight and bias as one map."""
    tensors = {
        "hessian": exact_hessian(model, parameters, inputs, labels),
        "ggn": gauss_newton(model, parameters, inputs),
    }
    for module, (a, s) in kronecker_factors(parameters, inputs, labels).items():
        ones = torch.ones(len(a), 1)
        for block, rows in {
            f"{module}.weight": a,
            f"{module}.bias": ones,
            module: torch.cat([a, ones], 1),
        }.items():
            tensors[f"{block}.activations"] = second_moment(rows)
            tensors[f"{block}.output_gradients"] = second_moment(s)
    return tensors


def is_joint(name):
    """Whether a tensor of `curvature_file` is of weight and bias as one map."""
    return name.rpartition(".")[0] in ("layers.0", "head")


def train():
    """The network, its parameters at the checkpoints, and the examples."""
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(SEED)

    def normal(*shape, scale=1.0):
        return scale * torch.randn(*shape, generator=generator)

    inputs = normal(TRAIN_ROWS + QUERY_ROWS, INPUTS) * torch.linspace(1.5, 0.5, INPUTS)
    teacher = normal(CLASSES, INPUTS)
    labels = torch.argmax(inputs @ teacher.T + normal(len(inputs), CLASSES, scale=1.5), 1)
    model = Perceptron()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(normal(*parameter.shape, scale=0.4))
    parameters = {name: value.detach().clone() for name, value in model.named_parameters()}
    x, y = inputs[:TRAIN_ROWS], labels[:TRAIN_ROWS]

    def mean_loss(p):
        return torch.nn.functional.cross_entropy(functional_call(model, p, (x,)), y)

    checkpoints = []
    for step in range(1, CHECKPOINTS[-1] + 1):
        slopes = grad(mean_loss)(parameters)
        parameters = {name: value - STEP_SIZE * slopes[name] for name, value in parameters.items()}
        if step in CHECKPOINTS:
            checkpoints.append(parameters)
    model.load_state_dict(parameters)
    queries = (inputs[TRAIN_ROWS:], labels[TRAIN_ROWS:])
    return model, checkpoints, (x, y), queries


def probabilities(model, parameters, inputs, labels):
    logits = functional_call(model, parameters, (inputs,))
    return torch.softmax(logits, 1)[torch.arange(len(labels)), labels]


def write_json(description, path):
    """With lists of numbers on one line each."""
    text = json.dumps(description, indent=1)
    path.write_text(re.sub(r"\[[^\[\]{}\"]*\]", lambda found: " ".join(found[0].split()), text) + "\n")


def contiguous(tensors):
    return {name: tensor.detach().contiguous() for name, tensor in tensors.items()}


def main():
    model, checkpoints, (inputs, labels), (query_inputs, query_labels) = train()
    parameters = checkpoints[-1]
    gradients = per_example(example_loss, model, parameters, inputs, labels)
    margins = per_example(margin, model, parameters, inputs, labels)
    queries = per_example(example_loss, model, parameters, query_inputs, query_labels)
    curvature = curvature_file(model, parameters, inputs, labels)
    losses = torch.stack([example_loss(model, parameters, x, y) for x, y in zip(inputs, labels)])

    save_file(
        contiguous(
            dict(parameters)
            | {"inputs": inputs, "losses": losses}
            | {"probabilities": probabilities(model, parameters, inputs, labels)}
            | {f"gradient.{name}": value for name, value in gradients.items()}
            | {f"margin_gradient.{name}": value for name, value in margins.items()}
            | {name: value for name, value in curvature.items() if not is_joint(name)}
        ),
        MODELS / "perceptron.safetensors",
    )
    description = {
        "about": ABOUT,
        "seed": SEED,
        "parameters": PARAMETERS,
        "labels": labels.tolist(),
        "class_count": CLASSES,
        "versions": {"torch": torch.__version__.split("+")[0]},
    }
    write_json(description, MODELS / "perceptron.json")

    ESTIMATORS.mkdir(parents=True, exist_ok=True)
    save_file(contiguous(gradients), ESTIMATORS / "train.safetensors")
    save_file(contiguous(queries), ESTIMATORS / "query.safetensors")
    save_file(contiguous(curvature), ESTIMATORS / "curvature.safetensors")

    for name in ("hessian", "ggn"):
        values = torch.linalg.eigvalsh(curvature[name])
        print(f"{name}: eigenvalues {values[0]:.3e} ... {values[-1]:.3e}, least magnitude {values.abs().min():.1e}")
    mean = joined(gradients).mean(0).norm()
    print(f"mean loss {losses.mean():.4f}, norm of the mean gradient {mean:.3e}")
    for path in [MODELS / "perceptron.safetensors", *sorted(ESTIMATORS.glob("*.safetensors"))]:
        print(f"{path.relative_to(REPOSITORY)}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
