#!/usr/bin/env python3
"""Which training pictures made a generated one? DataInf (arXiv 2310.00902), section 5.3, on a small diffusion model.

    python3 scripts/diffusion/run.py --data mnist --output influence-runs/diffusion
    python3 scripts/diffusion/run.py --smoke              tiny, on the repository's own digits, in seconds

Needs torch and numpy, and the command `influence`. DATA has MNIST's train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz,
or Fashion-MNIST's of the same names. The script

1. trains a U-Net to take noise from pictures of 16 × 16 pixels, once, on the first 50,000 pictures;
2. fine-tunes it, for each seed, by LoRA of rank 4: on three styles, and on twelve subjects of three pictures each;
3. generates pictures of each style and subject, and takes the gradients of the denoising loss at fifty timesteps, averaged, of
   training pictures and of queries: generated ones, ones kept back, and the latter without a word on their style or subject;
4. scores by `influence compare` with λ over five decades;
5. measures, as DataInf does, the class AUC (how well a query's scores tell the training pictures of its own class) and recall
   (the share of the class among as many best-scored pictures as the class has), and the same of the scores' sizes without their
   signs; and writes tables and a picture.

What is in the folder already is kept, so that the same command goes on after a kill, or with more seeds; commands with different
seeds may run at once when the base model is there. tables.md, results.csv and found.svg are what docs/results/diffusion.md shows.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

SCRIPTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(SCRIPTS), str(SCRIPTS / "exporter")]
import network  # noqa: E402
import pictures  # noqa: E402
import tables  # noqa: E402
from influence_export import Denoising, export  # noqa: E402

METHODS = ("hessian-free", "cosine", "block-normalized", "datainf", "hyperinf", "ekfac", "exact")
FULL = {"width": 32, "pretraining": 2500, "tuning": 600, "batch": 64, "rank": 4, "draws": 50,
        "dampings": ["0.001", "0.01", "0.1", "1", "10"], "subjects": 12,
        "style": {"train": 60, "held": 10, "generated": 10}, "subject": {"train": 3, "held": 2, "generated": 2}}
SMOKE = {"width": 16, "pretraining": 20, "tuning": 20, "batch": 16, "rank": 2, "draws": 2,
         "dampings": ["0.1", "1"], "subjects": 4,
         "style": {"train": 6, "held": 2, "generated": 2}, "subject": {"train": 3, "held": 2, "generated": 2}}


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def data(options):
    """Pictures and their classes, and how many of the first ones the base model learns."""
    if options.data:
        return (*pictures.read(options.data), 50_000)
    from leave_one_out_damping import digits
    pixels, labels = digits()
    small = torch.tensor(pixels, dtype=torch.float32).reshape(-1, 1, 8, 8)
    large = torch.nn.functional.interpolate(small, scale_factor=2, mode="bilinear")
    return large * 2 - 1, torch.tensor(labels), 1_000


def base_model(folder, settings, samples, classes):
    """The base model's weights: those that the folder has, or trained now."""
    torch.manual_seed(0)
    model, path = network.UNet(settings["width"]), folder / "base.pt"
    if path.exists():
        model.load_state_dict(torch.load(path))
        return model
    say(f"training {sum(p.numel() for p in model.parameters())} parameters on {len(samples)} pictures")
    plain = {"sample": samples, "digit": classes, "concept": torch.zeros_like(classes)}
    network.train(model, plain, settings["pretraining"], settings["batch"], 2e-3, 0, say)
    torch.save(model.state_dict(), folder / "base.part")
    os.replace(folder / "base.part", path)
    return model


def batches(data, size=20):
    return [{name: value[i:i + size] for name, value in data.items()} for i in range(0, len(data["sample"]), size)]


def tuned(folder, settings, task, seed, samples, classes):
    """What a seed's model of a task has learnt, what it is asked with, and the fine-tuned model itself."""
    sizes, draws = settings[task], torch.Generator().manual_seed(seed)
    if task == "style":
        train, held = pictures.style_set(samples, classes, sizes["train"], sizes["held"], draws)
    else:
        train, held = pictures.subject_set(samples, classes, settings["subjects"], sizes["train"], sizes["held"], draws)
    torch.manual_seed(seed)
    model = network.UNet(settings["width"])
    model.load_state_dict(torch.load(folder / "base.pt"))
    loss = network.train(network.add_lora(model, settings["rank"]), train, settings["tuning"], 32, 1e-2, seed, say)
    # Asked for: digits of the class's own training pictures, drawn at random.
    asked = [torch.nonzero(train["concept"] == c).flatten() for c in train["concept"].unique()]
    asked = torch.cat([rows[torch.randint(len(rows), (sizes["generated"],), generator=draws)] for rows in asked])
    made = {"digit": train["digit"][asked], "concept": train["concept"][asked]}
    made["sample"] = network.generate(model, made["digit"], made["concept"], seed)
    untold = {**held, "concept": torch.zeros_like(held["concept"])}
    return train, {"generated": made, "kept back": held, "kept back, untold": untold}, loss, model


def scores(options, folder, settings, train, query):
    """Scores by method and λ, queries × training pictures, of the stores in the folder."""
    found = {}
    for damping in settings["dampings"]:
        output = folder / f"compare-{damping}"
        subprocess.run([options.influence, "compare", "--train", train, "--query", query, "--methods", *METHODS, "--damping", damping,
                        "--threads", str(options.threads), "--output", output, "--quiet"],
                       check=True, stdout=subprocess.DEVNULL)
        for method in METHODS:
            found[method, damping] = np.load(output / "scores" / f"{method}.npy").astype(float)
    return found


def pixel_cosine(query, train):
    """Cosine of pictures as they are, dark being 0."""
    a, b = (((x + 1) / 2).flatten(1).double() for x in (query, train))
    return (torch.nn.functional.normalize(a, dim=1) @ torch.nn.functional.normalize(b, dim=1).T).numpy()


def one(options, folder, settings, task, seed, samples, classes):
    """The results of one seed and task; kept in the folder."""
    place = folder / f"seed-{seed}" / task
    if (place / "result.json").exists():
        return json.loads((place / "result.json").read_text())
    shutil.rmtree(place, ignore_errors=True)  # what a killed run left
    place.mkdir(parents=True)
    begun = time.process_time()
    train, asked, loss, model = tuned(folder, settings, task, seed, samples, classes)
    query = pictures.joined(list(asked.values()))
    classes_of = [torch.cat([part["concept"] for part in (asked["generated"], asked["kept back"], asked["kept back"])]).numpy(),
                  train["concept"].numpy()]
    spans, start = {}, 0
    for name, part in asked.items():
        spans[name], start = (start, start + len(part["sample"])), start + len(part["sample"])
    timesteps = [int((i + 0.5) * network.STEPS / settings["draws"]) for i in range(settings["draws"])]
    # Noise follows from seed, row and timestep: with one seed, query i and training picture i would share theirs.
    for name, rows, number in ("train", train, 2 * seed + 1), ("query", query, 2 * seed + 2):
        loss_of = Denoising(network.Schedule(), timesteps, seed=number)
        export(model, loss_of, batches(rows), place / name, factors=name == "train", quiet=True)
    columns = sum(p.numel() for p in model.parameters() if p.requires_grad)
    trained = time.process_time() - begun
    all_scores = scores(options, place, settings, place / "train", place / "query")
    all_scores["pixels", ""] = pixel_cosine(query["sample"], train["sample"])
    all_scores["random", ""] = np.random.default_rng(seed).random(all_scores["pixels", ""].shape)
    measured = []
    for (method, damping), values in all_scores.items():
        auc, recall = tables.class_auc_and_recall(values, *classes_of)
        size_auc, size_recall = tables.class_auc_and_recall(abs(values), *classes_of)
        found = {"auc": auc, "recall": recall, "size auc": size_auc, "size recall": size_recall}
        measured += [{"task": task, "seed": seed, "queries": name, "method": method, "damping": damping,
                      **{measure: of[a:b].tolist() for measure, of in found.items()}} for name, (a, b) in spans.items()]
    # Does a generated picture look as what was asked for? By the class of the picture kept back that is nearest to it.
    a, b = spans["generated"]
    near = pixel_cosine(query["sample"][a:b], asked["kept back"]["sample"]).argmax(1)
    right = float((asked["kept back"]["concept"].numpy()[near] == classes_of[0][a:b]).mean())
    np.savez_compressed(place / "pictures.npz", train=train["sample"].numpy(), train_class=classes_of[1],
                        generated=query["sample"][a:b].numpy(), generated_class=classes_of[0][a:b],
                        **{f"scores {m} {d}".strip(): v[a:b] for (m, d), v in all_scores.items()})
    result = {"measured": measured, "loss": loss, "right": right, "columns": columns, "training": len(train["sample"]),
              "queries": {name: b - a for name, (a, b) in spans.items()}, "seconds": trained}
    (place / "result.part").write_text(json.dumps(result))
    os.replace(place / "result.part", place / "result.json")
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder of MNIST's or Fashion-MNIST's files")
    parser.add_argument("--output", default="influence-runs/diffusion", type=Path, help="the folder of models, gradients and tables")
    parser.add_argument("--influence", default=".build/release/influence", help="the command")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)), help="0 to 4, each with pictures of its own")
    parser.add_argument("--draws", type=int, help="timesteps of each picture, with noise of its own at each (50)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--smoke", action="store_true", help="a tiny run that shows that everything works")
    options = parser.parse_args()
    if not options.data and not options.smoke:
        parser.error("give --data, or --smoke")
    torch.set_num_threads(options.threads)
    settings, folder = dict(SMOKE if options.smoke else FULL), options.output
    settings["draws"] = options.draws or settings["draws"]
    seeds = [0, 1] if options.smoke else options.seeds
    if not set(seeds) <= set(range(5)):
        parser.error("--seeds are from 0 to 4")
    folder.mkdir(parents=True, exist_ok=True)
    decides = json.dumps({**settings, "data": options.data}, indent=2)
    if (folder / "settings.json").exists() and (folder / "settings.json").read_text() != decides:
        raise SystemExit(f"error: {folder} is of a run with other settings or data; choose another --output")
    (folder / "settings.json").write_text(decides)
    samples, classes, learnt = data(options)
    room = (len(samples) - learnt) // 5
    base_model(folder, settings, samples[:learnt], classes[:learnt])
    results = []
    for seed in seeds:
        first = learnt + seed * room  # no two seeds share a picture
        for task in ("style", "subject"):
            results.append(one(options, folder, settings, task, seed, samples[first:first + room], classes[first:first + room]))
            last = results[-1]
            say(f"seed {seed}, {task}: loss {last['loss']:.4f}, {last['right']:.2f} of the pictures as asked, {last['seconds']:.0f} s")
    tables.write(folder, results, settings["dampings"], seeds[0])
    print((folder / "tables.md").read_text())


if __name__ == "__main__":
    main()
