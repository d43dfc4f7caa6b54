"""What each token adds to the product of a text's gradient with a direction, by transformers and PEFT in double precision.

    python token_shares.py          writes Tests/TransformersTests/Fixtures/computed/<family>/shares.safetensors

The models, adapters and texts are those of language_models.py. A share is taken as what it means rather than by its
formula: every trained matrix W is moved to W + e_t U at token t alone, and the share of token t is the derivative of the
loss by e_t, by automatic differentiation. The file holds, in float64,

    direction.<parameter>     U, random
    share.<i>                 a number for each token of text i
"""

import json

import numpy as np
import torch
from peft import PeftModel
from safetensors.numpy import load_file, save_file

from language_models import FAMILIES, OUTPUT, exact_rotation


def moved(model, directions, steps):
    """Moves each trained linear map along its direction, by a step of its own at each token."""
    hooks = []
    for name, module in model.named_modules():
        if not isinstance(module, torch.nn.Linear) or not module.weight.requires_grad:
            continue
        weight = directions[name + ".weight"]
        bias = directions.get(name + ".bias")

        def hook(_, inputs, output, weight=weight, bias=bias):
            change = inputs[0] @ weight.T
            if bias is not None:
                change = change + bias
            # Heads read the first token alone.
            own = steps[None, :, None] if change.dim() == 3 else steps[None, 0:1]
            return output + own * change

        hooks.append(module.register_forward_hook(hook))
    return hooks


def write(family):
    kind, _, _, saved = FAMILIES[family]
    folder = OUTPUT / family
    expected = load_file(folder / "expected.safetensors")
    base = kind.from_pretrained(folder)
    model = PeftModel.from_pretrained(base, str(folder / "adapter"), is_trainable=True).eval().double()
    exact_rotation(base)
    generator = torch.Generator().manual_seed(29)
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    directions = {n: torch.randn(p.shape, generator=generator, dtype=torch.double) for n, p in trained.items()}
    result = {}
    for name, direction in directions.items():
        plain = name.replace(".default", "").replace("modules_to_save.", "")
        result[f"direction.{plain}"] = direction.numpy()
    for index, goal in enumerate(expected["goal"]):
        tokens = torch.tensor(expected[f"tokens.{index}"])
        steps = torch.zeros(len(tokens), dtype=torch.double, requires_grad=True)
        hooks = moved(model, directions, steps)
        inputs = dict(input_ids=tokens[None])
        if family == "bert":
            inputs["token_type_ids"] = torch.tensor(expected[f"types.{index}"])[None]
        logits = model(**inputs).logits
        if saved is not None:
            loss = torch.nn.functional.cross_entropy(logits, torch.tensor([int(goal)]))
        else:
            loss = torch.nn.functional.cross_entropy(logits[0, goal - 1:-1], tokens[goal:])
        assert abs(loss.item() - expected["loss"][index]) < 1e-10
        result[f"share.{index}"] = torch.autograd.grad(loss, steps)[0].numpy()
        for hook in hooks:
            hook.remove()
        product = sum(np.vdot(expected[k.replace("direction", "gradient")][index], v)
                      for k, v in result.items() if k.startswith("direction."))
        assert abs(result[f"share.{index}"].sum() - product) < 1e-10 * max(1, abs(product))
    save_file({k: np.ascontiguousarray(v) for k, v in result.items()}, folder / "shares.safetensors")
    print(json.dumps({family: [round(float(x), 4) for x in result["share.0"]]}))


if __name__ == "__main__":
    for family in FAMILIES:
        write(family)
