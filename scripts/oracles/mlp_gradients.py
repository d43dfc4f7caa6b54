"""Per-example gradients of a small adapted network, by autograd one example at a time, in float64.

    python mlp_gradients.py     writes Tests/ModelsTests/Fixtures/{mlp,mlp_*_expected}.safetensors, mlp.json, adamw.json

Hidden layers are y = activation(W x + b + (alpha / r) B (A x)), the head is W x + b, and the loss of one example is its
own softmax cross-entropy, in nats, not divided by anything.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

REPOSITORY = Path(__file__).resolve().parents[2]
OUTPUT = REPOSITORY / "Tests" / "ModelsTests" / "Fixtures"

SEED = 11
SIZES = [12, 9, 7]  # inputs, then hidden widths
CLASSES = 4
RANK, ALPHA = 2, 6.0
EXAMPLES = 10
ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu}

ABOUT = {
    "mlp.safetensors": "weights, adapters and data, shared by both activations; float64, labels int64",
    "layers.<k>": "y = activation(weight x + bias + (alpha / rank) lora_B (lora_A x)); weight is out x in, "
    "lora_A.weight rank x in, lora_B.weight out x rank",
    "head": "logits = weight x + bias; no adapter, no activation",
    "inputs, labels": "examples x in, examples",
    "mlp_<activation>_expected.safetensors": "losses (examples), logits (examples x classes), and gradient.<parameter> "
    "(examples x the parameter's shape): row i is the gradient of example i's own loss",
    "loss": "log sum exp(logits) - logits[label], natural logarithm, not averaged",
}


def initial_parameters(generator):
    def normal(*shape, scale):
        return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)

    parameters = {}
    for k, (inputs, outputs) in enumerate(zip(SIZES, SIZES[1:])):
        parameters[f"layers.{k}.weight"] = normal(outputs, inputs, scale=inputs**-0.5)
        parameters[f"layers.{k}.bias"] = normal(outputs, scale=0.1)
        parameters[f"layers.{k}.lora_A.weight"] = normal(RANK, inputs, scale=inputs**-0.5)
        parameters[f"layers.{k}.lora_B.weight"] = normal(outputs, RANK, scale=0.3)
    parameters["head.weight"] = normal(CLASSES, SIZES[-1], scale=SIZES[-1] ** -0.5)
    parameters["head.bias"] = normal(CLASSES, scale=0.1)
    return parameters


def logits_of(parameters, activation, x):
    for k in range(len(SIZES) - 1):
        weight, bias, A, B = (
            parameters[f"layers.{k}.{name}"] for name in ("weight", "bias", "lora_A.weight", "lora_B.weight")
        )
        before = weight @ x + bias + (ALPHA / RANK) * (B @ (A @ x))
        assert before.abs().min() > 1e-4, "too near the corner of relu for a fair comparison"
        x = activation(before)
    return parameters["head.weight"] @ x + parameters["head.bias"]


def per_example(parameters, activation, inputs, labels):
    losses, logits = [], []
    gradients = {name: [] for name in parameters}
    for x, label in zip(inputs, labels):
        leaves = {name: value.clone().requires_grad_(True) for name, value in parameters.items()}
        outputs = logits_of(leaves, activation, x)
        loss = torch.nn.functional.cross_entropy(outputs[None], label[None], reduction="sum")
        loss.backward()
        losses.append(loss.detach())
        logits.append(outputs.detach())
        for name, leaf in leaves.items():
            gradients[name].append(leaf.grad)
    result = {f"gradient.{name}": torch.stack(rows) for name, rows in gradients.items()}
    return {"losses": torch.stack(losses), "logits": torch.stack(logits)} | result


def write_network():
    generator = torch.Generator().manual_seed(SEED)
    parameters = initial_parameters(generator)
    inputs = torch.randn(EXAMPLES, SIZES[0], generator=generator, dtype=torch.float64)
    labels = torch.randint(CLASSES, (EXAMPLES,), generator=generator)
    save_file(parameters | {"inputs": inputs, "labels": labels}, OUTPUT / "mlp.safetensors")
    for name, activation in ACTIVATIONS.items():
        save_file(per_example(parameters, activation, inputs, labels), OUTPUT / f"mlp_{name}_expected.safetensors")
    description = {
        "about": ABOUT,
        "seed": SEED,
        "layer_sizes": SIZES,
        "classes": CLASSES,
        "activations": list(ACTIVATIONS),
        "rank": RANK,
        "alpha": ALPHA,
        "examples": EXAMPLES,
        "labels": labels.tolist(),
        "parameters": {name: list(value.shape) for name, value in parameters.items()},
    }
    (OUTPUT / "mlp.json").write_text(json.dumps(description, indent=2) + "\n")


def adamw_case(generator, **settings):
    """Five steps with gradients given from outside, so that only the optimiser is tested."""
    start = torch.randn(5, generator=generator, dtype=torch.float64)
    gradients = torch.randn(5, 5, generator=generator, dtype=torch.float64)
    gradients *= torch.tensor([1e-6, 1e-2, 1.0, 10.0, 0.0], dtype=torch.float64)  # a tiny and a dead coordinate
    parameters = torch.nn.Parameter(start.clone())
    optimizer = torch.optim.AdamW([parameters], foreach=False, **settings)
    after = []
    for gradient in gradients:
        parameters.grad = gradient.clone()
        optimizer.step()
        after.append(parameters.detach().tolist())
    return {
        "settings": settings,
        "initial": start.tolist(),
        "gradients": gradients.tolist(),
        "parameters_after_step": after,
    }


def write_adamw():
    generator = torch.Generator().manual_seed(SEED + 1)
    cases = [
        adamw_case(generator, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01),
        adamw_case(generator, lr=0.05, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1),
        adamw_case(generator, lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0),
    ]
    about = (
        "torch.optim.AdamW in float64. Each step t = 1, 2, ...: p <- p - lr * weight_decay * p, then "
        "m <- beta1 m + (1 - beta1) g, v <- beta2 v + (1 - beta2) g^2, "
        "p <- p - lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps); m and v start at 0"
    )
    (OUTPUT / "adamw.json").write_text(json.dumps({"about": about, "cases": cases}, indent=2) + "\n")


def main():
    OUTPUT.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    write_network()
    write_adamw()
    for path in sorted(OUTPUT.iterdir()):
        if path.name.startswith("mlp") or path.name == "adamw.json":
            print(f"wrote {path.relative_to(REPOSITORY)} ({path.stat().st_size:,} bytes)")


if __name__ == "__main__":
    main()
