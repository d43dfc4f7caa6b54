"""Answers and per-text gradients of small language models, by transformers and PEFT in double precision.

    python language_models.py          writes Tests/TransformersTests/Fixtures/computed/<family>/

For each family: a random model (config.json, model.safetensors in float32), a random LoRA adapter as PEFT writes it
(adapter/), and expected.safetensors in float64 with, for some texts of different lengths,

    tokens.<i>, types.<i>     the text
    goal                      the label of each text, or the place of its first predicted token
    logits.<i>                labels, or tokens x vocabulary
    loss, margin, logit       of each text; means over predicted tokens
    hidden.<i>                the last layer's numbers, normalized where the family does
    gradient.<parameter>      of each text's loss by each trained parameter, texts x ...

Weights are drawn wide enough that attention, activations and normalizations are far from linear. transformers needs
float32 models in float64 here: `.double()` after loading, and what it takes in single precision whatever the model's type
(cosines of rotary embeddings, root-mean-square norms) is replaced by the same in double.
"""

import shutil
from pathlib import Path

import numpy as np
import torch
import transformers
import transformers.models.llama.modeling_llama as llama
import transformers.models.qwen2.modeling_qwen2 as qwen2
from peft import LoraConfig, get_peft_model
from safetensors.numpy import save_file
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

OUTPUT = Path(__file__).resolve().parents[2] / "Tests" / "TransformersTests" / "Fixtures" / "computed"
VOCABULARY = 40
LENGTHS = [7, 1, 12, 4]
SIZES = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
             vocab_size=VOCABULARY, max_position_embeddings=32)
LLAMA3 = dict(rope_type="llama3", rope_theta=500.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=16)

FAMILIES = {
    "bert": (transformers.BertForSequenceClassification, transformers.BertConfig(**SIZES, num_labels=3),
             ["query", "value", "output.dense"], ["classifier"]),
    "roberta": (transformers.RobertaForSequenceClassification,
                transformers.RobertaConfig(**SIZES, num_labels=2, pad_token_id=1, type_vocab_size=1,
                                           hidden_act="gelu_new"),
                ["query", "key", "intermediate.dense"], ["classifier"]),
    "llama": (transformers.LlamaForCausalLM,
              transformers.LlamaConfig(**SIZES, num_key_value_heads=2, attention_bias=True, mlp_bias=True,
                                       rope_parameters=LLAMA3, tie_word_embeddings=False),
              ["q_proj", "k_proj", "o_proj", "gate_proj", "down_proj"], None),
    "qwen2": (transformers.Qwen2ForCausalLM,
              transformers.Qwen2Config(**SIZES, num_key_value_heads=1, tie_word_embeddings=True),
              ["v_proj", "up_proj"], None),
    "gpt2": (transformers.GPT2LMHeadModel,
             transformers.GPT2Config(n_embd=16, n_layer=2, n_head=4, n_inner=24, vocab_size=VOCABULARY,
                                     n_positions=32, bos_token_id=1, eos_token_id=2),
             ["c_attn", "c_proj", "c_fc"], None),
}


def widen(model, generator):
    for name, parameter in model.named_parameters():
        scale = 0.3 if parameter.dim() > 1 else 0.2
        noise = torch.randn(parameter.shape, generator=generator) * scale
        parameter.data = noise + (1.0 if "norm" in name.lower() and name.endswith("weight")
                                  or ".ln_" in name and name.endswith("weight") else 0.0)


def exact_norm(self, x):
    return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))


llama.LlamaRMSNorm.forward = exact_norm
qwen2.Qwen2RMSNorm.forward = exact_norm


def exact_rotation(model):
    """Rotary tables with cosines of double angles; transformers takes them in single precision."""
    rotary = getattr(getattr(model, "model", None), "rotary_emb", None)
    if rotary is None:
        return

    single, torch.float = torch.float, torch.double  # what the library's own functions ask for
    default = type(rotary).compute_default_rope_parameters
    make = default if rotary.rope_type == "default" else ROPE_INIT_FUNCTIONS[rotary.rope_type]
    frequencies, _ = make(model.config) if make is default else make(model.config, None)
    torch.float = single
    assert frequencies.dtype == torch.double

    def forward(x, position_ids):
        angles = position_ids[..., None].double() * frequencies[None, None, :]
        both = torch.cat([angles, angles], dim=-1)
        return both.cos() * rotary.attention_scaling, both.sin() * rotary.attention_scaling

    rotary.forward = forward


def write(family):
    kind, config, targets, saved = FAMILIES[family]
    folder = OUTPUT / family
    shutil.rmtree(folder, ignore_errors=True)
    generator = torch.Generator().manual_seed(11)
    torch.manual_seed(11)
    model = kind(config)
    widen(model, generator)
    model.save_pretrained(folder)
    peft = get_peft_model(model, LoraConfig(
        r=2, lora_alpha=3, target_modules=targets, modules_to_save=saved, lora_dropout=0.0,
        fan_in_fan_out=family == "gpt2", task_type="SEQ_CLS" if saved else "CAUSAL_LM"))
    for name, parameter in peft.named_parameters():
        if parameter.requires_grad:
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.3
    peft.save_pretrained(folder / "adapter")
    (folder / "adapter" / "README.md").unlink(missing_ok=True)
    (folder / "generation_config.json").unlink(missing_ok=True)
    peft.eval()
    peft.double()
    exact_rotation(model)
    isLabels = saved is not None
    trained = [(n, p) for n, p in peft.named_parameters() if p.requires_grad]
    expected, values, gradients, goals = {}, {"loss": [], "margin": [], "logit": []}, {}, []
    lengths = LENGTHS if isLabels else [max(2, n) for n in LENGTHS]
    random = np.random.default_rng(3)
    for index, length in enumerate(lengths):
        tokens = random.integers(3, VOCABULARY, length)
        types = (np.arange(length) >= length // 2).astype(np.int64) if family == "bert" else np.zeros(length, np.int64)
        goal = index % config.num_labels if isLabels else [1, 1, 5, 3][index]
        inputs = dict(input_ids=torch.tensor(tokens)[None])
        if family == "bert":
            inputs["token_type_ids"] = torch.tensor(types)[None]
        out = peft(**inputs, output_hidden_states=True)
        if isLabels:
            rows, targets_ = out.logits, torch.tensor([goal])
        else:
            rows, targets_ = out.logits[0, goal - 1:-1], torch.tensor(tokens[goal:])
        logs = torch.log_softmax(rows, -1)
        own = logs.gather(1, targets_[:, None])[:, 0]
        others = torch.log1p(-own.exp())
        loss = -own.mean()
        values["loss"].append(loss.item())
        values["margin"].append((own - others).mean().item())
        values["logit"].append(rows.gather(1, targets_[:, None]).mean().item())
        for (name, _), gradient in zip(trained, torch.autograd.grad(loss, [p for _, p in trained])):
            gradients.setdefault(name, []).append(gradient.numpy())
        goals.append(goal)
        expected[f"tokens.{index}"] = tokens.astype(np.int64)
        expected[f"types.{index}"] = types
        expected[f"logits.{index}"] = out.logits[0].detach().numpy()
        expected[f"hidden.{index}"] = out.hidden_states[-1][0].detach().numpy()
    expected["goal"] = np.array(goals)
    for key, value in values.items():
        expected[key] = np.array(value)
    for name, rows in gradients.items():
        name = name.replace(".default", "").replace("modules_to_save.", "")
        expected[f"gradient.{name}"] = np.stack(rows)
    save_file({k: np.ascontiguousarray(v) for k, v in expected.items()}, folder / "expected.safetensors")
    print(family, sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()), "bytes", values["loss"])


if __name__ == "__main__":
    for family in FAMILIES:
        write(family)
