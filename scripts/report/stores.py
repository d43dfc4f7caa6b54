"""Stores for the tests of the page: gradients of a logistic model of made-up reviews, with texts that try to be more."""

import json
import struct

import numpy as np

HOSTILE = [
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "</script><script>alert(2)</script>",
    "\"\u0301 onmouseover=alert(3) x=\"", "{{title}} {{{style}}} {{#queries}}", "<!-- \u202ertl -->",
    "' onfocus=alert(4) autofocus='", "&lt;b&gt;", "=1+1, \"quoted\"\nand a second line",
]
BLOCK = "\"><img src=x onerror=alert(5)>.layer.2.weight"
GOOD = "witty tender brisk warm clever moving honest lively".split()
BAD = "dull loud tedious clumsy shallow stale hollow grim".split()
NOUNS = "film plot cast score scene script ending dialogue".split()


def safetensors(path, tensors):
    """Writes float32 arrays, the example first."""
    tensors = {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in tensors.items()}
    header, offset = {}, 0
    for name, array in tensors.items():
        size = array.nbytes
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in tensors.values():
            file.write(array.tobytes())


def reviews(generator, count, long=False):
    """Texts with a label each, of words that give the label away."""
    labels = generator.integers(0, 2, count)
    texts = []
    for place, label in enumerate(labels):
        words = GOOD if label else BAD
        chosen = [generator.choice(words) for _ in range(3)] + [generator.choice(GOOD + BAD)]
        text = f"the {generator.choice(NOUNS)} is {chosen[0]} and {chosen[1]}, a {chosen[2]} {generator.choice(NOUNS)}"
        text += f" with a {chosen[3]} {generator.choice(NOUNS)} number {place}"
        if long and place % 50 == 0:
            text += " and so on," * 120
        texts.append(text)
    return texts, labels


def features(texts, width):
    """Counts of words, spread over some columns."""
    rows = np.zeros((len(texts), width), dtype=np.float64)
    for row, text in enumerate(texts):
        for word in text.split():
            rows[row, sum(map(ord, word)) * 7919 % width] += 1
    return rows / np.sqrt(np.maximum(1, (rows ** 2).sum(axis=1, keepdims=True)))


def write(folder, count, queries, width=48, share=0.15, hostile=True, seed=0):
    """Writes gradients, texts and the rows whose labels are wrong."""
    generator = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    train, labels = reviews(generator, count, long=True)
    asked, wanted = reviews(generator, queries)
    if hostile:
        for place, text in enumerate(HOSTILE):
            train[place * 3] = text + " " + train[place * 3]
        asked[0] = HOSTILE[0] + " " + asked[0]
        # A pair of near-duplicates with different labels, and a query that stands among the training texts.
        train[31], labels[31] = train[30] + " indeed", 1 - labels[30]
        asked[1] = train[40]
    flipped = np.sort(generator.choice(count, int(share * count), replace=False))
    given = labels.copy()
    given[flipped] = 1 - given[flipped]
    x, q = features(train, width), features(asked, width)
    weights = np.zeros(width)
    for _ in range(200):
        weights -= 0.5 * (x.T @ (1 / (1 + np.exp(-x @ weights)) - given) / count * 8 + 0.01 * weights)

    def gradients(rows, classes):
        error = 1 / (1 + np.exp(-rows @ weights)) - classes
        return error[:, None] * rows

    def blocks(gradient):
        third = width // 3
        return {"encoder.layer.0.weight": gradient[:, :third], "encoder.layer.1.weight": gradient[:, third:2 * third],
                BLOCK: gradient[:, 2 * third:]}

    def losses(rows, classes):
        p = 1 / (1 + np.exp(-rows @ weights))
        return -np.log(np.where(classes == 1, p, 1 - p))

    safetensors(folder / "train.safetensors", blocks(gradients(x, given)))
    safetensors(folder / "query.safetensors", blocks(gradients(q, wanted)))
    names = ["negative", "positive"]
    for name, texts, classes, values in (("train", train, given, losses(x, given)),
                                         ("query", asked, wanted, losses(q, wanted))):
        with open(folder / f"{name}.jsonl", "w") as file:
            for row, (text, label, loss) in enumerate(zip(texts, classes, values)):
                file.write(json.dumps({"id": f"{name}-{row}", "text": text, "label": names[label],
                                       "loss": float(loss)}) + "\n")
    (folder / "flipped.json").write_text(json.dumps([int(row) for row in flipped]))


def arguments(folder, output):
    """The command line of a page of these stores."""
    return ["report", "--quiet", "--train", str(folder / "train.safetensors"), "--query",
            str(folder / "query.safetensors"), "--examples", str(folder / "train.jsonl"), "--query-examples",
            str(folder / "query.jsonl"), "--flipped", str(folder / "flipped.json"), "--output", str(output)]
