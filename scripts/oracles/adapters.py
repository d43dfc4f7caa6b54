"""Small adapters by PEFT, and PEFT's opinion of adapters by others.

    python adapters.py                        writes Tests/TransformersTests/Fixtures/adapters/
    python adapters.py check MODEL ADAPTER    loads both with PEFT, and fails unless every number of the adapter arrives and
                                              nothing is missing or left over
    python adapters.py answers PROGRAM MODEL DATA TEXT LABEL
                                              trains an adapter of a classifier with `influence finetune`, and holds what the
                                              program says of each text against what PEFT says with the same adapter

The first part adapts a tiny model of each family with random numbers, saves it, and keeps beside it in expected.json
which modules have a pair, of which rank and scale. rules.json has the same for the configurations in RULES, without
numbers: what PEFT makes of lists, regular expressions, patterns of ranks and of layers. patterns.json has the linear maps
of a Llama that each of PATTERNS describes to Python.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file

REPOSITORY = Path(__file__).resolve().parents[2]
FIXTURES = REPOSITORY / "Tests" / "TransformersTests" / "Fixtures" / "adapters"
SEED = 7

ENCODER = dict(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12, vocab_size=20,
               max_position_embeddings=16, num_labels=3, pad_token_id=0)
DECODER = dict(hidden_size=12, num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2, head_dim=4,
               intermediate_size=10, vocab_size=20, max_position_embeddings=64, bos_token_id=1, eos_token_id=2,
               tie_word_embeddings=False)


def model(family):
    """The models that the tests write under the same names."""
    if family == "bert":
        return transformers.BertForSequenceClassification(transformers.BertConfig(**ENCODER))
    if family == "roberta":
        return transformers.RobertaForSequenceClassification(transformers.RobertaConfig(**ENCODER))
    if family == "llama":
        return transformers.LlamaForCausalLM(transformers.LlamaConfig(**DECODER))
    return transformers.GPT2LMHeadModel(
        transformers.GPT2Config(n_embd=8, n_layer=2, n_head=2, n_positions=16, vocab_size=20, bos_token_id=19, eos_token_id=19))


CLASSES = dict(task_type="SEQ_CLS")
TOKENS = dict(task_type="CAUSAL_LM")

ADAPTERS = {
    "bert": (torch.float32, dict(**CLASSES, r=2, lora_alpha=4, lora_dropout=0.1, target_modules=["query", "value"],
                                 rank_pattern={"layer.1.attention.self.query": 3}, alpha_pattern={"query": 6})),
    "roberta": (torch.float32, dict(**CLASSES, r=4, lora_alpha=6, use_rslora=True,
                                    target_modules=r".*layer\.\d+\.(attention\.self\.(query|key)|intermediate\.dense)")),
    "llama": (torch.float16, dict(**TOKENS, r=2, lora_alpha=8, target_modules="all-linear", exclude_modules=["down_proj"])),
    "gpt2": (torch.bfloat16, dict(**TOKENS, r=2, lora_alpha=8, target_modules=["c_attn", "mlp.c_proj"],
                                  layers_to_transform=[1], layers_pattern="h")),
}

RULES = [
    ("bert", dict(**CLASSES, target_modules=["key"])),
    ("bert", dict(**CLASSES, target_modules=["bert.encoder.layer.1.attention.self.key", "self.query"])),
    ("bert", dict(**CLASSES, target_modules=["attention.output.dense", "intermediate.dense"])),
    ("bert", dict(**CLASSES, target_modules=["dense"])),
    ("bert", dict(**CLASSES, target_modules="all-linear")),
    ("bert", dict(**CLASSES, target_modules=["query", "pooler.dense"], modules_to_save=["pooler"])),
    ("bert", dict(target_modules=["query", "classifier"])),
    ("bert", dict(**CLASSES, target_modules=["dense"], exclude_modules=["pooler.dense"])),
    ("bert", dict(**CLASSES, target_modules=["dense", "query"], exclude_modules=r".*(pooler|layer\.0\.output).*")),
    ("bert", dict(target_modules=["query"], modules_to_save=["classifier"])),
    ("roberta", dict(**CLASSES, target_modules=["dense"])),
    ("roberta", dict(target_modules="all-linear")),
    ("roberta", dict(target_modules=["key", "dense"], modules_to_save=["classifier.out_proj"])),
    ("roberta", dict(**CLASSES, target_modules=["query", "value"], layers_to_transform=1)),
    ("llama", dict(**TOKENS, target_modules=r".*\.[qv]_proj")),
    ("llama", dict(**TOKENS, target_modules=r"model\.layers\.\d{1,2}\.(?:mlp\.up_proj|self_attn\.[^qk]_proj)")),
    ("llama", dict(**TOKENS, target_modules=r"(?:.*?(?:self_attn|mlp).*?(?:k_proj|o_proj).*?)|(?:\bmodel\.layers\.[\d]{1,}\.mlp\.gate_proj)")),
    ("llama", dict(**TOKENS, target_modules=["q_proj", "v_proj", "up_proj"], layers_to_transform=[0])),
    ("llama", dict(**TOKENS, target_modules=["model.layers.1.mlp.up_proj", "k_proj"], layers_to_transform=[0], layers_pattern=["layers"])),
    ("llama", dict(**TOKENS, target_modules=["q_proj", "down_proj"], r=4, lora_alpha=3.5,
                   rank_pattern={r"layers\.[0]\.self_attn\.q_proj": 2, "q_proj": 3, "own_proj": 7},
                   alpha_pattern={"^model.layers.1.self_attn.q_proj": 12, "mlp.down_proj|nothing": 5})),
    ("llama", dict(**TOKENS, target_modules=["q_proj", "o_proj"], r=4, use_rslora=True, rank_pattern={"o_proj": 9})),
    ("gpt2", dict(**TOKENS, target_modules=["c_proj"])),
    ("gpt2", dict(**TOKENS, target_modules=["mlp.c_proj", "c_attn"], layers_to_transform=[0, 5])),
    ("gpt2", dict(**TOKENS, target_modules="all-linear")),
]

PATTERNS = [
    r".*q_proj", r".*\.q_proj$", r"^model.*v_proj", r"q_proj", r".*[qv]_proj", r".*[^qkvo]_proj", r".*_proj\b", r".*\Bproj", r".*\bproj",
    r"model\.layers\.0\..*", r"model\.layers\.[0-0]\.(self_attn|mlp)\.\w+", r".*\.(?:up|down)_proj", r".*(?P<which>gate|o)_proj",
    r"(.*\.)?(k_proj)", r"[\w.]+k_proj", r"[a-z.]+1[a-z._]+", r"\w+\.\w+\.\d+\.\w+\.\w+", r"\S+", r"\s*model\D+\d\D+", r".{28}", r".{5,29}",
    r".{,27}", r"(model|layers|\.|\d|self_attn|mlp|[a-z]+_proj){7}", r"((a|b)|m)odel.*?(up)+.*", r"(a*)*b", r"(|model)(\..*)?",
    r"model[.]layers[.]1[.]mlp[.].*", r".*[-.]q[_-]proj", r".*[]_q]proj", r"\Amodel.*mlp.*\Z", r".*\.mlp\..*|.*\.o_proj", r"x{0}model.*gate_proj",
    r".*a{1}te_proj", r"mod{1,1}el.*k_proj", r".*{q", r"model.layers.0.self_attn.q_proj|model.layers.1.mlp.up_proj", "",
]


def patterns():
    names = [name for name, module in model("llama").named_modules() if isinstance(module, torch.nn.Linear) and name != "lm_head"]
    return {pattern: [name for name in names if re.fullmatch(pattern, name)] for pattern in PATTERNS}


def adapted(family, settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return get_peft_model(model(family), LoraConfig(**settings))


def pairs(adapted):
    """Name, rank, scale, inputs and outputs of every module with a pair."""
    prefix = "base_model.model."
    return {
        name.removeprefix(prefix): dict(
            rank=module.r["default"], scale=module.scaling["default"], inputs=module.in_features, outputs=module.out_features)
        for name, module in adapted.named_modules()
        if isinstance(module, LoraLayer)
    }


def save(adapted, folder):
    adapted.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / "adapter_config.json"
    configuration = json.loads(path.read_text())
    for key in ("target_modules", "exclude_modules", "modules_to_save"):  # PEFT keeps sets, in any order
        if isinstance(configuration[key], list):
            configuration[key].sort()
    path.write_text(json.dumps(configuration, indent=1) + "\n")
    return configuration


def write():
    shutil.rmtree(FIXTURES, ignore_errors=True)
    for family, (dtype, settings) in ADAPTERS.items():
        torch.manual_seed(SEED)
        tuned = adapted(family, settings)
        with torch.no_grad():
            for name, parameter in tuned.named_parameters():
                if "lora_" in name or "modules_to_save" in name:
                    parameter.normal_(0, 0.5)
                    parameter.data = parameter.data.to(dtype)
        save(tuned, FIXTURES / family)
        (FIXTURES / family / "expected.json").write_text(json.dumps(pairs(tuned), indent=1) + "\n")
    rules = []
    for family, settings in RULES:
        with tempfile.TemporaryDirectory() as folder:
            tuned = adapted(family, settings)
            configuration = save(tuned, Path(folder))
            tensors = load_file(Path(folder) / "adapter_model.safetensors")
        kept = {key: configuration[key] for key in ["peft_type", *settings] if configuration[key] is not None}
        heads = {name: list(values.shape) for name, values in tensors.items() if ".lora_" not in name}
        rules.append(dict(family=family, configuration=kept, pairs=pairs(tuned), heads=heads))
    (FIXTURES / "rules.json").write_text("[\n" + ",\n".join(json.dumps(rule) for rule in rules) + "\n]\n")
    matches = [json.dumps([pattern, names]) for pattern, names in patterns().items()]
    (FIXTURES / "patterns.json").write_text("[\n" + ",\n".join(matches) + "\n]\n")


def check(base, folder):
    config = json.loads((folder / "adapter_config.json").read_text())
    stored = load_file(folder / "adapter_model.safetensors")
    kind = transformers.AutoModelForCausalLM
    settings = {}
    if config["task_type"] == "SEQ_CLS":
        kind = transformers.AutoModelForSequenceClassification
        settings["num_labels"] = len([values for name, values in stored.items() if values.ndim == 1][-1])
        settings["ignore_mismatched_sizes"] = True
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("error", RuntimeWarning)
        if base.is_dir():
            bare = kind.from_pretrained(base, dtype=torch.float32, **settings)
        else:
            bare = kind.from_pretrained(base.parent, gguf_file=base.name, dtype=torch.float32)
        loaded = PeftModel.from_pretrained(bare, folder)
    state = {name.replace(".default", "").replace(".modules_to_save", ""): values for name, values in loaded.state_dict().items()
             if ".default" in name}
    if state.keys() != stored.keys():
        sys.exit(f"{folder}: PEFT has other tensors: {sorted(state.keys() ^ stored.keys())}")
    for name, values in stored.items():
        if not torch.equal(values, state[name]):
            sys.exit(f"{folder}: {name} has other numbers in PEFT")
    print(f"{folder}: PEFT has all {len(stored)} tensors of {len(pairs(loaded))} pairs, bit for bit")


def answers(program, base, data, text, label):
    """DATA is JSONL with the fields TEXT and LABEL, integers from 0; PEFT computes in double precision."""
    rows = [json.loads(line) for line in data.read_text().splitlines() if line.strip()]
    fields = ["--model", base, "--data", data, "--text", text, "--label", label, "--max-length", "128", "--quiet"]

    def influence(command, *options):
        subprocess.run([str(word) for word in [program, command, *fields, *options]], check=True, stdout=subprocess.DEVNULL)

    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        influence("finetune", "--epochs", 6, "--batch", 8, "--learning-rate", 3e-3, "--output", place / "adapter")
        ours = {}
        for measure in ["loss", "logit"]:
            influence("gradients", "--adapter", place / "adapter", "--measure", measure, "--output", place / measure)
            lines = (place / measure / "examples.jsonl").read_text().splitlines()
            ours[measure] = torch.tensor([json.loads(line)["loss"] for line in lines], dtype=torch.float64)
        tokenizer = transformers.AutoTokenizer.from_pretrained(base)
        bare = transformers.AutoModelForSequenceClassification.from_pretrained(base, num_labels=1 + max(row[label] for row in rows))
        model = PeftModel.from_pretrained(bare, place / "adapter").double().eval()
    with torch.no_grad():
        texts = [tokenizer(row[text], truncation=True, max_length=128, return_tensors="pt") for row in rows]
        logits = torch.cat([model(**encoded).logits for encoded in texts])
    targets = torch.tensor([row[label] for row in rows])
    theirs = {"loss": torch.nn.functional.cross_entropy(logits, targets, reduction="none"),
              "logit": logits.gather(1, targets[:, None])[:, 0]}
    for measure, values in theirs.items():
        error = ((ours[measure] - values).abs().max() / values.abs().max()).item()
        print(f"{measure} of {len(rows)} texts: relative error {error:.1e}, the largest is {values.abs().max().item():.4f}")
        if error > 1e-4:
            sys.exit(f"{measure}: PEFT says something else")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", choices=["check", "answers"])
    parser.add_argument("paths", nargs="*", type=Path)
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    if arguments.part == "check":
        if len(arguments.paths) != 2:
            sys.exit("name the model and the adapter")
        return check(*arguments.paths)
    if arguments.part == "answers":
        if len(arguments.paths) != 5:
            sys.exit("name the program, the model, the texts and their two fields")
        return answers(*arguments.paths[:3], *map(str, arguments.paths[3:]))
    write()
    for path in sorted(FIXTURES.rglob("*")):
        if path.is_file():
            print(f"{path.relative_to(REPOSITORY)} ({path.stat().st_size:,} bytes)")


if __name__ == "__main__":
    main()
