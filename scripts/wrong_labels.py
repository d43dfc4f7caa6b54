#!/usr/bin/env python3
"""Makes stores with wrong labels on purpose, of a classifier of texts, to see what `influence suspects` finds.

    scripts/wrong_labels.py --model models/minilm --train sst2_train.jsonl --queries sst2_dev.jsonl --text sentence --output FOLDER

For each seed it draws 1,000 training texts and 200 queries, trains an adapter on the texts, a fifth of whose labels are made
wrong, and takes the gradients of both. FOLDER/seed-N then holds

    adapter/flipped.json    the rows whose labels are wrong
    train, query            stores of gradients, with ids, texts, labels, losses and representations

and takes 360 MB with MiniLM. What is there already is kept, so that the same command goes on after a kill. Needs Python alone.
"""

import argparse
import json
import pathlib
import random
import subprocess


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--influence", default=".build/release/influence", help="the command")
    parser.add_argument("--model", required=True, help="an encoder's folder, such as MiniLM's")
    parser.add_argument("--train", required=True, help="a .jsonl file with the training texts")
    parser.add_argument("--queries", required=True, help="a .jsonl file with texts that are not learnt")
    parser.add_argument("--text", required=True, help="the field of the text")
    parser.add_argument("--text-pair", help="the field of a second text")
    parser.add_argument("--label", default="label", help="the field of the class")
    parser.add_argument("--count", type=int, default=1000, help="training texts")
    parser.add_argument("--query-count", type=int, default=200)
    parser.add_argument("--flip", type=float, default=0.2, help="the share of labels that is made wrong")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--learning-rate", default="1e-3")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--output", required=True, help="the folder of the seeds' folders")
    return parser.parse_args()


def draw(source, count, seed, prefix, destination):
    """Writes `count` of the lines of `source`, in an order of the seed's own, each with an id of its line there."""
    with open(source) as file:
        lines = [json.loads(line) for line in file if line.strip()]
    chosen = random.Random(seed).sample(range(len(lines)), min(count, len(lines)))
    with open(destination, "w") as file:
        for row in chosen:
            file.write(json.dumps({"id": f"{prefix}{row}", **lines[row]}) + "\n")


def make(options, seed):
    folder = pathlib.Path(options.output) / f"seed-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    draw(options.train, options.count, seed, "train-", folder / "train.jsonl")
    draw(options.queries, options.query_count, seed, "query-", folder / "query.jsonl")
    fields = ["--text", options.text, "--label", options.label, "--id", "id", "--max-length", "128"]
    if options.text_pair:
        fields += ["--text-pair", options.text_pair]
    if not (folder / "adapter").exists():
        command = [options.influence, "finetune", "--model", options.model, *fields, "--data", folder / "train.jsonl",
                   "--flip", str(options.flip), "--seed", str(seed), "--epochs", str(options.epochs),
                   "--learning-rate", options.learning_rate, "--test", folder / "query.jsonl", "--output", folder / "adapter"]
        resumed = ["--resume"] if (folder / "adapter.part").exists() else []
        subprocess.run([*command, *resumed], check=True)
    gradients = [options.influence, "gradients", "--model", options.model, "--adapter", folder / "adapter", *fields]
    for name, data in ("train", folder / "adapter" / "train.jsonl"), ("query", folder / "query.jsonl"):
        subprocess.run([*gradients, "--data", data, "--representations", "--output", folder / name], check=True)


if __name__ == "__main__":
    options = arguments()
    for seed in options.seeds:
        make(options, seed)
