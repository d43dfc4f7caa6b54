"""Answers of two real language models, by transformers in single precision.

    python real_models.py MODELS       writes Tests/TransformersTests/Fixtures/real-models.safetensors

MODELS is a folder that `scripts/fetch-models` has filled: `minilm`, a BERT, and `smollm2.gguf`, a Llama. Written are

    minilm.<i>.tokens, .types         a text, or a pair of them
    minilm.<i>.hidden                 the last layer's numbers, tokens x hidden
    minilm.<i>.logits                 of two labels, by the classifier below
    classifier.weight, .bias          drawn at random, because the checkpoint has none
    smollm2.<i>.tokens                by the file's own rules; transformers would leave digits together
    smollm2.<i>.logits                tokens x some of the vocabulary, every 128th token
    smollm2.<i>.norms                 the Euclidean norm of each token's logits, all of them
    smollm2.<i>.next                  the token that is most likely after each
    smollm2.<i>.loss                  the mean over all tokens but the first
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.numpy import save_file

FIXTURES = Path(__file__).resolve().parents[2] / "Tests" / "TransformersTests" / "Fixtures"
PAIRS = [["A touching, if flawed, movie."], ["How old is it?", "Nobody knows its age."]]
# Two of the texts whose tokens gguf_tokens.py wrote.
TEXTS = ["The capital of France is", "12345678 3.14 x2y ½ ² 1,000,000"]
EVERY = 128


def minilm(folder):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2).float().eval()
    generator = torch.Generator().manual_seed(5)
    model.classifier.weight.data = torch.randn(2, model.config.hidden_size, generator=generator) * 0.1
    model.classifier.bias.data = torch.randn(2, generator=generator) * 0.1
    values = {f"classifier.{name}": p.detach().numpy() for name, p in model.classifier.named_parameters()}
    for index, texts in enumerate(PAIRS):
        inputs = tokenizer(*texts, return_tensors="pt")
        out = model(**inputs, output_hidden_states=True)
        values[f"minilm.{index}.tokens"] = inputs["input_ids"][0].numpy()
        values[f"minilm.{index}.types"] = inputs["token_type_ids"][0].numpy()
        values[f"minilm.{index}.hidden"] = out.hidden_states[-1][0].detach().numpy()
        values[f"minilm.{index}.logits"] = out.logits.detach().numpy()
    return values


def smollm2(file):
    cases = {case["text"]: case["ids"] for case in json.loads((FIXTURES / "smollm2-tokens.json").read_text())}
    model = transformers.AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32).eval()
    values = {}
    for index, text in enumerate(TEXTS):
        tokens = torch.tensor([cases[text]])
        out = model(tokens, labels=tokens)
        logits = out.logits[0].detach()
        values[f"smollm2.{index}.tokens"] = tokens[0].numpy()
        values[f"smollm2.{index}.logits"] = logits[:, ::EVERY].contiguous().numpy()
        values[f"smollm2.{index}.norms"] = logits.double().norm(dim=1).numpy()
        values[f"smollm2.{index}.next"] = logits.argmax(1).numpy()
        values[f"smollm2.{index}.loss"] = np.array([out.loss.item()])
    return values


def main():
    if len(sys.argv) != 2:
        sys.exit("name the folder of the models")
    models = Path(sys.argv[1])
    with torch.no_grad():
        values = minilm(models / "minilm") | smollm2(models / "smollm2.gguf")
    path = FIXTURES / "real-models.safetensors"
    save_file(values, path)
    print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
