"""Kronecker factors per token of small language models, by hooks on their linear layers in double precision.

    python kronecker_factors.py     writes Tests/TransformersTests/Fixtures/computed/<family>/factors.safetensors

Reads what language_models.py wrote: model, adapter and texts. PyTorch's hooks on every trained linear layer give what it
read of each token, a, and the gradient of the text's loss by what it made, s. Per block, in float64:

    <block>.activations        the mean of a a^T over all tokens of all texts (rows that the layer read), p x p
    <block>.output_gradients   the sum of s s^T over them, divided by the number of texts, q x q

The block of a bias reads 1.
"""

import numpy as np
import torch
from peft import PeftModel
from safetensors.numpy import load_file, save_file

from language_models import FAMILIES, OUTPUT, exact_rotation


def factors(family):
    kind, config, _, saved = FAMILIES[family]
    folder = OUTPUT / family
    expected = load_file(folder / "expected.safetensors")
    base = kind.from_pretrained(folder, dtype=torch.float32)
    model = PeftModel.from_pretrained(base, folder / "adapter", is_trainable=True)
    model.eval()
    model.double()
    exact_rotation(base)
    sums = {}

    def watch(name, module):
        def forward(_, inputs, output):
            a = inputs[0].detach().reshape(-1, inputs[0].shape[-1])

            def backward(gradient):
                s = gradient.detach().reshape(-1, gradient.shape[-1])
                weight = sums.setdefault(f"{name}.weight", [0, 0, 0])
                weight[0] = weight[0] + a.T @ a
                weight[1] = weight[1] + s.T @ s
                weight[2] += len(a)
                if module.bias is not None:
                    bias = sums.setdefault(f"{name}.bias", [0, 0, 0])
                    bias[0] = bias[0] + torch.full((1, 1), float(len(a)), dtype=torch.double)
                    bias[1] = bias[1] + s.T @ s
                    bias[2] += len(a)

            output.register_hook(backward)

        module.register_forward_hook(forward)

    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and module.weight.requires_grad:
            watch(name.replace(".default", "").replace("modules_to_save.", "").replace(".modules_to_save", ""), module)

    goals = expected["goal"]
    for index, goal in enumerate(goals):
        tokens = torch.tensor(expected[f"tokens.{index}"])
        inputs = dict(input_ids=tokens[None])
        if family == "bert":
            inputs["token_type_ids"] = torch.tensor(expected[f"types.{index}"])[None]
        logits = model(**inputs).logits
        if saved is not None:
            loss = torch.nn.functional.cross_entropy(logits, torch.tensor([int(goal)]))
        else:
            loss = torch.nn.functional.cross_entropy(logits[0, int(goal) - 1:-1], tokens[int(goal):])
        assert abs(loss.item() - expected["loss"][index]) < 1e-12
        loss.backward()
    result = {}
    for name, (a, s, rows) in sums.items():
        result[f"{name}.activations"] = np.ascontiguousarray((a / rows).numpy())
        result[f"{name}.output_gradients"] = np.ascontiguousarray((s / len(goals)).numpy())
    save_file(result, folder / "factors.safetensors")
    print(family, len(sums), "blocks", (folder / "factors.safetensors").stat().st_size, "bytes")


if __name__ == "__main__":
    for family in FAMILIES:
        factors(family)
