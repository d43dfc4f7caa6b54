"""Per-example gradients of a PyTorch model, as a store that `influence` opens.

Copy this one file beside your training script. It needs torch and numpy; the command also needs transformers, and peft
where there is an adapter.

    from influence_export import export, label_loss

    export(model, label_loss, batches, "grads/train", examples=examples)

`loss(model, batch)` gives one loss for each example of the batch, shape [n], and an example's loss may not depend on the
others. `batches` is a list or a DataLoader in the order of the rows. From the shell, with the options of
`influence gradients`:

    python influence_export.py --model DIR --adapter DIR --data train.jsonl --text sentence --label label \
        --output grads/train

How gradients are taken, from the fastest way to the slowest; the first batch decides for each parameter, by comparison
with the gradient of single examples, and what was decided is said:

    hooks       linear maps (LoRA's among them), convolutions, embeddings: inputs times output gradients, by batch
    module      any other module by itself, by torch.func from its recorded inputs and output gradients
    torch.func  vmap(grad(loss)) of the whole model
    loop        one example after the other

Rows are committed every few seconds. After a crash the same call goes on from the last of them.
"""

import argparse
import contextlib
import fcntl
import fnmatch
import functools
import hashlib
import inspect
import json
import math
import os
import re
import sys
import time
import unicodedata
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

__all__ = ["export", "label_loss", "token_loss", "Denoising", "ExportError"]


_OutOfMemory = getattr(torch, "OutOfMemoryError", torch.cuda.OutOfMemoryError)


class ExportError(Exception):
    """What is wrong, where, and what to do about it."""


def _short(text, limit=200):
    """Text of other people's files as a message may show it: on one line, and not too long."""
    text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in str(text))
    return text if len(text) <= limit else text[:limit] + "…"


def _some(names, limit=3):
    names = [_short(name) for name in names]
    more = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {more} more" if more > 0 else "")


# ---------------------------------------------------------------------------------------------------------------------
# Checksums: CRC-32C of many lanes of bytes at a time, joined by the effect that zero bytes have on a checksum.

def _byte_table():
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = (table >> 1) ^ np.where(table & 1, np.uint32(0x82F63B78), np.uint32(0))
    return table.astype(np.uint32)


_BYTES = _byte_table()


def _word_table():
    words = np.arange(65536, dtype=np.uint32)
    for _ in range(2):
        words = (words >> 8) ^ _BYTES[words & 255]
    return words


_WORDS = _word_table()


def _apply(columns, state):
    """A linear map of 32 bits, given by what it makes of each bit, on an array of states."""
    result = np.zeros_like(state)
    for bit in range(32):
        result ^= columns[bit] * ((state >> np.uint32(bit)) & np.uint32(1))
    return result


_bits = np.uint32(1) << np.arange(32, dtype=np.uint32)
# What 1, 2, 4 … zero bytes make of each bit.
_ZEROS = [(_bits >> 8) ^ _BYTES[_bits & 255]]


def _after_zeros(state, count):
    """The states after so many zero bytes."""
    power = 0
    while count:
        if power == len(_ZEROS):
            _ZEROS.append(_apply(_ZEROS[-1], _ZEROS[-1]))
        if count & 1:
            state = _apply(_ZEROS[power], state)
        count, power = count >> 1, power + 1
    return state


def _joined(first, second, length):
    """The checksum of two pieces one after the other, of which the second has `length` bytes."""
    return int(_after_zeros(np.array([first], np.uint32), length)[0]) ^ second


# What a word makes of a state when 0, 1, 2 and 3 more words of zeros follow.
_AFTER = [_WORDS]
for _ in range(3):
    _AFTER.append(_after_zeros(_AFTER[-1], 2))
_PIECE = 4 << 20
_threads = ThreadPoolExecutor(max(1, min(8, os.cpu_count() or 1)))


def crc32c(data, value=0):
    """CRC-32C of bytes that follow those of `value`; of many bytes, pieces on several threads."""
    pieces = [data[i:i + _PIECE] for i in range(0, len(data), _PIECE)] if len(data) > _PIECE else []
    for piece, found in zip(pieces, _threads.map(_crc32c, pieces)):
        value = _joined(value, found, len(piece))
    return value if pieces else _crc32c(data, value)


def _crc32c(data, value=0):
    data = np.frombuffer(data, np.uint8)
    while len(data) >= 256:
        lanes = 1 << min(14, (len(data) // 64).bit_length() - 1)
        length = len(data) // lanes // 8 * 8
        words = np.ascontiguousarray(data[:lanes * length].view("<u4").reshape(lanes, length // 4).T)
        state = np.full(lanes, 0xFFFFFFFF, np.uint32)
        for place in range(0, len(words), 2):
            first, second = (state ^ words[place]).view(np.uint16), words[place + 1].view(np.uint16)
            # All 65,536 indices are in the tables; "clip" leaves out a check of them.
            state = _AFTER[3].take(first[0::2], mode="clip")
            state ^= _AFTER[2].take(first[1::2], mode="clip")
            state ^= _AFTER[1].take(second[0::2], mode="clip")
            state ^= _AFTER[0].take(second[1::2], mode="clip")
        state = ~state
        size = length
        while len(state) > 1:
            state = _after_zeros(state[0::2], size) ^ state[1::2]
            size *= 2
        value = _joined(value, int(state[0]), lanes * length)
        data = data[lanes * length:]
    state = value ^ 0xFFFFFFFF
    for byte in data.tolist():
        state = (state >> 8) ^ int(_BYTES[(state ^ byte) & 255])
    return state ^ 0xFFFFFFFF


# ---------------------------------------------------------------------------------------------------------------------
# JSON as the store has it: the same text for the same value, and no character that acts on a terminal.

_DIRECTIONS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _json_string(text):
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    out = []
    for c in text:
        if c in _ESCAPES:
            out.append(_ESCAPES[c])
        elif c in _DIRECTIONS or unicodedata.category(c) in ("Cc", "Zl", "Zp"):
            out.append(f"\\u{ord(c):04x}")
        else:
            out.append(c)
    return '"' + "".join(out) + '"'


def _json(value, depth=None):
    """JSON text: on one line, or indented by two spaces from `depth` on."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return _json_string(value)
    inner = None if depth is None else depth + 1
    if isinstance(value, dict):
        parts = [_json_string(k) + (":" if depth is None else ": ") + _json(v, inner) for k, v in value.items()]
        opening, closing = "{", "}"
    else:
        parts = [_json(v, inner) for v in value]
        opening, closing = "[", "]"
    if depth is None or not parts:
        return opening + ",".join(parts) + closing
    lines = ",".join("\n" + "  " * inner + part for part in parts)
    return opening + lines + "\n" + "  " * depth + closing


# ---------------------------------------------------------------------------------------------------------------------
# The store on disk.

_SIZES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8, "int8": 1}
_WIDER = {"float16": "bfloat16 or float32", "bfloat16": "float32 or float64", "int8": "float32 or float64"}
_NOT_FINITE = "the gradient holds NaN or infinity; look at this example's loss, or leave it out"


def _write_whole(path, data):
    """Writes a file under another name, and gives it its own once its bytes are on the disk."""
    path = Path(path)
    temporary = path.parent / f".unfinished-{path.name}.tmp"
    with open(temporary, "wb") as file:
        for piece in data if isinstance(data, list) else [data]:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write_safetensors(path, tensors, metadata):
    """float64 tensors with the file's own checksum in its metadata.

    Not by safetensors' numpy writer, which writes an array that is not contiguous in the order of its memory.
    """
    header, end = {"__metadata__": dict(sorted({**metadata, "crc32c": "00000000"}.items()))}, 0
    arrays = [np.ascontiguousarray(array, dtype="<f8") for array in tensors.values()]
    for name, array in zip(tensors, arrays):
        header[name] = {"dtype": "F64", "shape": list(array.shape), "data_offsets": [end, end + array.nbytes]}
        end += array.nbytes
    text = _json(header).encode()
    text += b" " * (-len(text) % 8)
    pieces = [len(text).to_bytes(8, "little"), text] + [array.tobytes() for array in arrays]
    value = 0
    for piece in pieces:
        value = crc32c(piece, value)
    pieces[1] = text.replace(b'"crc32c":"00000000"', f'"crc32c":"{value:08x}"'.encode(), 1)
    _write_whole(path, pieces)


class _Store:
    """A store directory that is being written; layout and order of writing are those of docs/store.md."""

    def __init__(self, path, blocks, dtype, provenance):
        self.path, self.blocks, self.dtype, self.provenance = Path(path), blocks, dtype, provenance
        self.widths = [math.prod(shape) for _, shape in blocks]
        self.starts = np.concatenate([[0], np.cumsum(self.widths)]).astype(int)
        self.columns = int(self.starts[-1])
        if self.columns > 2**31 - 1:
            raise ExportError(f"{path}: a row of {self.columns} columns, and 2147483647 is the most; choose fewer parameters")
        self.row_bytes = self.columns * _SIZES[dtype]
        self.names = ["gradients.bin", "squared_norms.bin", "examples.jsonl"] + (["scales.bin"] if dtype == "int8" else [])
        self.path.mkdir(parents=True, exist_ok=True)
        self.lock = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self.lock)
            raise ExportError(f"{path}: another run writes there; try again when it has ended") from None
        except OSError:
            pass  # A network file system that cannot lock.
        try:
            self._open()
        except BaseException:
            os.close(self.lock)
            raise

    def _open(self):
        if (self.path / "manifest.json").exists():
            self._resume()
        else:
            there = [name for name in self.names + ["info.json"] if (self.path / name).exists()]
            if there:
                raise ExportError(f"{self.path}: there is a {there[0]} already; choose a new folder")
            self.committed, self.complete = 0, False
            self.sizes = {name: 0 for name in self.names}
            self.sums = {name: 0 for name in self.names if name != "gradients.bin"}
            self.rows_per_range, self.ranges = max(1, (64 << 20) // max(1, self.row_bytes)), []
            self._record()
        self.rows = self.committed
        self.pending = []
        self.files = {}
        for name in self.names:
            file = open(self.path / name, "r+b" if (self.path / name).exists() else "w+b")
            file.truncate(self.sizes[name])
            file.seek(self.sizes[name])
            self.files[name] = file

    def _resume(self):
        where = self.path / "manifest.json"
        try:
            known = json.loads(where.read_text(encoding="utf-8"))
            seal = known.pop("checksum", None)
            if seal is not None and seal != f"{crc32c(_json(known).encode()):08x}":
                raise ExportError(f"{where}: it is damaged: its checksum is not {seal}; choose a new folder")
            blocks = [(block["name"], tuple(block["shape"])) for block in known["blocks"]]
            theirs = {"blocks": blocks, "type of numbers": known["dtype"], "origin": known["provenance"]}
            self.committed, self.complete, self.sizes = known["rows"], known["complete"], known["files"]
            sums = known["checksums"]
            self.sums = {name: int(sums[name], 16) for name in self.names if name != "gradients.bin"}
            self.rows_per_range = sums["rows_per_range"]
            self.ranges = [[r["first_row"], r["rows"], int(r["crc32c"], 16)] for r in sums["gradients.bin"]]
        except (KeyError, TypeError, ValueError) as error:
            raise ExportError(f"{where}: it is not a manifest of this version ({error!r}); choose a new folder") from None
        ours = {"blocks": [(n, tuple(s)) for n, s in self.blocks], "type of numbers": self.dtype, "origin": self.provenance}
        differing = [what for what in ours if ours[what] != theirs[what]]
        if differing:
            raise ExportError(f"{self.path}: its {' and its '.join(differing)} is not what is to be written; choose another folder")

    def append(self, gradients, examples, row_name):
        """Appends rows: a float32 or float64 tensor n × columns, and the members of each row in examples.jsonl."""
        count = gradients.shape[0]
        # On a GPU, types and norms are made there.
        gradients = gradients if gradients.device.type == "cuda" and self.dtype != "int8" else gradients.cpu()
        stored, scales = self._encoded(gradients)
        squares = []
        for index, (start, end) in enumerate(zip(self.starts, self.starts[1:])):
            part = stored[:, start:end].double()
            if scales is not None:
                part = (part * scales[:, index:index + 1].double()).float().double()
            squares.append(part.square().sum(1))
        squares = torch.stack(squares, 1).cpu().numpy()
        if not np.isfinite(squares).all():
            row, block = np.argwhere(~np.isfinite(squares))[0]
            name = self.blocks[block][0]
            given = gradients[row, self.starts[block]:self.starts[block + 1]]
            reason = (f"a gradient is too large for {self.dtype}; leave the example out, or export with dtype={_WIDER.get(self.dtype, 'float64')}"
                      if bool(torch.isfinite(given).all()) else _NOT_FINITE)
            raise ExportError(f"{self.path}: row {row_name(row)}, block {_short(name)}: {reason}")
        raw = stored.contiguous().cpu()
        raw = (raw.view(torch.int16) if self.dtype == "bfloat16" else raw).numpy().tobytes()
        lines = []
        for place, members in enumerate(examples):
            if not members:
                continue
            try:
                lines.append((_json({"row": self.rows + place, **members}) + "\n").encode())
            except UnicodeEncodeError:
                raise ExportError(f"{self.path}: row {row_name(place)}: its id, text or label is no valid Unicode (a half surrogate); repair it") from None
        new = {"gradients.bin": raw, "squared_norms.bin": squares.astype("<f8").tobytes(), "examples.jsonl": b"".join(lines)}
        if scales is not None:
            new["scales.bin"] = scales.numpy().astype("<f4").tobytes()
        for name, data in new.items():
            self.files[name].write(data)
        self._sum(memoryview(raw), count)
        for name in self.sums:
            self.sums[name] = crc32c(new[name], self.sums[name])
        for name, data in new.items():
            self.sizes[name] += len(data)
        self.rows += count

    def _encoded(self, gradients):
        if self.dtype != "int8":
            return gradients.to(getattr(torch, self.dtype)), None
        scales = np.zeros((gradients.shape[0], len(self.blocks)), np.float32)
        stored = torch.empty(gradients.shape, dtype=torch.int8)
        for index, (start, end) in enumerate(zip(self.starts, self.starts[1:])):
            part = gradients[:, start:end].double()
            peak = part.abs().amax(1).numpy() if end > start else np.zeros(len(part))
            # Of rows that are not finite, nothing is kept: the check of their norms finds them.
            with np.errstate(over="ignore", invalid="ignore"):
                scale = (peak / 127).astype(np.float32)
                scale = np.where(127 * scale.astype(np.float64) < peak, np.nextafter(scale, np.float32(np.inf)), scale)
            scales[:, index] = scale
            divisor = torch.from_numpy(np.where(scale > 0, scale, 1).astype(np.float64))[:, None]
            stored[:, start:end] = torch.nan_to_num(part / divisor).round().clamp(-127, 127).to(torch.int8)
        return stored, torch.from_numpy(scales)

    def _sum(self, raw, count):
        """Goes on with the checksums of ranges of rows, which start at multiples of their length."""
        place = 0
        while place < count:
            first = self.rows + place
            if first % self.rows_per_range == 0:
                self.ranges.append([first, 0, 0])
            last = self.ranges[-1]
            taken = min(count - place, self.rows_per_range - last[1])
            last[2] = crc32c(raw[place * self.row_bytes:(place + taken) * self.row_bytes], last[2])
            last[1] += taken
            place += taken

    def commit(self, completes=False):
        """Counts the rows so far, once all of their bytes are on the disk."""
        if self.rows == self.committed and not completes:
            return
        for file in self.files.values():
            file.flush()
            os.fsync(file.fileno())
        self.committed, self.complete = self.rows, completes
        self._record()

    def finish(self):
        self.commit(completes=True)
        self.close()

    def close(self):
        for file in self.files.values():
            file.close()
        os.close(self.lock)

    def _record(self):
        manifest = {
            "format": "influencekit-gradients", "version": 1, "rows": self.committed, "complete": self.complete,
            "dtype": self.dtype, "blocks": [{"name": n, "shape": list(s)} for n, s in self.blocks],
            "files": dict(sorted(self.sizes.items())), "provenance": dict(sorted(self.provenance.items())),
            "checksums": {
                "rows_per_range": self.rows_per_range,
                "gradients.bin": [{"first_row": f, "rows": r, "crc32c": f"{c:08x}"} for f, r, c in self.ranges],
                **{name: f"{value:08x}" for name, value in self.sums.items()}}}
        if self.complete:
            whole = 0
            for _, rows, value in self.ranges:
                whole = _joined(whole, value, rows * self.row_bytes)
            manifest["gradients_crc32c"] = f"{whole:08x}"
        manifest["checksum"] = f"{crc32c(_json(manifest).encode()):08x}"
        info = {
            "attribute_tokens": False, "num_items": self.committed, "num_grads": self.committed,
            "grad_sizes": {name: width for (name, _), width in zip(self.blocks, self.widths)},
            "base_dtype": "scaled_int8" if self.dtype == "int8" else self.dtype}
        _write_whole(self.path / "manifest.json", (_json(manifest, 0) + "\n").encode())
        _write_whole(self.path / "info.json", (_json(info, 0) + "\n").encode())


# ---------------------------------------------------------------------------------------------------------------------
# Which parameters, and under which names.

def _adapters(model):
    """The names of PEFT's adapters in a model: those in use first."""
    names = list(getattr(model, "peft_config", None) or {})
    for module in model.modules():
        # A LoRA of one's own has a module or a parameter there.
        pairs = getattr(module, "lora_A", None)
        for name in pairs if isinstance(pairs, torch.nn.ModuleDict) else ():
            names += [name] if name not in names else []
    # In a model that never had an adapter, transformers' own method raises.
    active = (getattr(model, "active_adapters", None) or []) if names else []
    active = active() if callable(active) else active
    active = [active] if isinstance(active, str) else list(active)
    return sorted(names, key=lambda name: name not in active), active


def _block_name(name, adapters):
    """A parameter's name as PEFT's files have it: without the adapter's own name."""
    for adapter in adapters:
        end = re.escape("." + adapter)
        name = re.sub(rf"(\.lora_[A-Za-z_]+){end}(?=\.|$)", r"\1", name)
        name = re.sub(rf"\.modules_to_save{end}(?=\.|$)", "", name)
    return name


def _is_adapters(name):
    return ".lora_" in name or ".modules_to_save." in name


def _select(model, parameters, say):
    """The parameters to differentiate: block name → parameter, in the order of the model; pairs of low rank come first."""
    adapters, active = _adapters(model)
    named = dict(model.named_parameters())
    idle = [a for a in adapters if active and a not in active]
    # Nor the weights that PEFT keeps beside a trained copy.
    named = {n: p for n, p in named.items()
             if ".original_module." not in n and not (_is_adapters(n) and any(f".{a}." in f"{n}." for a in idle))}
    blocks = OrderedDict()
    for name, parameter in named.items():
        block = _block_name(name, adapters)
        if block in blocks:
            raise ExportError(f"two parameters are called {_short(block)}; activate one adapter, or give parameters as a list")
        blocks[block] = (name, parameter)
    if parameters == "lora":
        chosen = [b for b, (n, _) in blocks.items() if _is_adapters(n)]
        if not chosen:
            raise ExportError("the model has no adapter: give parameters=\"trainable\", a regular expression or a list of names")
        if not any(blocks[b][1].requires_grad for b in chosen):
            say("the adapter is frozen, as PeftModel.from_pretrained leaves it without is_trainable=True; "
                "its gradients are taken all the same")
        chosen.sort(key=lambda b: ".lora_" not in b)
    elif parameters == "trainable":
        chosen = [b for b, (_, p) in blocks.items() if p.requires_grad]
        if not chosen:
            hint = ("PeftModel.from_pretrained freezes an adapter without is_trainable=True: give that, or parameters=\"lora\""
                    if adapters else "give a regular expression or a list of names")
            raise ExportError(f"no parameter of the model requires gradients; {hint}")
    elif isinstance(parameters, str):
        chosen = [b for b in blocks if re.search(parameters, b)]
        if not chosen:
            raise ExportError(f"no parameter's name matches {_short(parameters)!r}; there are {_some(blocks)}")
    else:
        by_name = {**{n: b for b, (n, _) in blocks.items()}, **{b: b for b in blocks}}
        unknown = [name for name in parameters if name not in by_name]
        if unknown:
            raise ExportError(f"the model has no parameter {_some(unknown)}; there are {_some(blocks)}")
        chosen = [by_name[name] for name in parameters]
    other = [b for b in chosen if not blocks[b][1].is_floating_point()]
    if other:
        raise ExportError(f"{_some(other)}: a quantized parameter has no gradient; choose adapters or others")
    return OrderedDict((b, blocks[b]) for b in chosen)


# ---------------------------------------------------------------------------------------------------------------------
# Batches.

def _count(batch):
    """How many examples a batch has: the length of its first tensor, or of a list."""
    if torch.is_tensor(batch):
        return batch.shape[0]
    values = list(batch.values()) if hasattr(batch, "values") else list(batch)
    for value in values:
        if torch.is_tensor(value) and value.dim():
            return value.shape[0]
    return len(values[0]) if hasattr(batch, "values") else len(batch)


def _map(batch, change):
    if torch.is_tensor(batch):
        return change(batch)
    if hasattr(batch, "items"):
        return {key: _map(value, change) for key, value in batch.items()}
    if isinstance(batch, (list, tuple)):
        values = [_map(value, change) for value in batch]
        return type(batch)(*values) if hasattr(batch, "_fields") else type(batch)(values)
    return batch


def _rows(batch, first, end, count):
    """The part of a batch with some of its examples."""
    if torch.is_tensor(batch):
        return batch[first:end] if batch.dim() and batch.shape[0] == count else batch
    if hasattr(batch, "items"):
        return {key: _rows(value, first, end, count) for key, value in batch.items()}
    if isinstance(batch, (list, tuple)):
        if len(batch) == count and not any(torch.is_tensor(v) or hasattr(v, "items") for v in batch):
            return batch[first:end]
        values = [_rows(value, first, end, count) for value in batch]
        return type(batch)(*values) if hasattr(batch, "_fields") else type(batch)(values)
    return batch


# ---------------------------------------------------------------------------------------------------------------------
# Gradients of a batch.

def _grouped(tensor, count):
    """Examples first: [n, …, d] or [n·k, …, d] as [n, positions, d]."""
    if tensor.shape[0] % count:
        raise ValueError(f"{tensor.shape[0]} rows for {count} examples")
    return tensor.reshape(count, -1, tensor.shape[-1]).float()


class _Linear:
    """y = W·x + b; also GPT-2's Conv1D, whose weights are stored the other way round."""
    names = ("weight", "bias")

    def __init__(self, module):
        self.is_turned = type(module).__name__ == "Conv1D"

    def pair(self, module, inputs, gradient, count):
        return _grouped(inputs, count), _grouped(gradient, count)

    def gradient(self, module, name, inputs, gradient, count):
        a, s = self.pair(module, inputs, gradient, count)
        if name == "bias":
            return s.sum(1)
        left, right = (a, s) if self.is_turned else (s, a)
        return torch.bmm(left.transpose(1, 2), right)


class _Convolution(_Linear):
    """A convolution in one or two dimensions, as a linear map of the patches that it reads."""
    is_turned = False

    def __init__(self, module):
        pass

    def pair(self, module, inputs, gradient, count):
        """Patches [n, groups, positions, p] and output gradients [n, groups, positions, q]."""
        pad = module.padding
        if module.padding_mode != "zeros" or isinstance(pad, str):
            mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
            inputs, pad = F.pad(inputs, module._reversed_padding_repeated_twice, mode=mode), (0,) * len(module.kernel_size)
        sizes = [module.kernel_size, module.dilation, pad, module.stride]
        if inputs.dim() == 3:
            inputs = inputs.unsqueeze(2)
            sizes = [(one, *size) for size, one in zip(sizes, (1, 1, 0, 1))]
        kernel, dilation, padding, stride = sizes
        patches = F.unfold(inputs.float(), kernel, dilation, padding, stride)
        groups, rows = module.groups, patches.shape[0]
        if rows % count:
            raise ValueError(f"{rows} rows for {count} examples")
        patches = patches.reshape(rows, groups, -1, patches.shape[-1])
        gradient = gradient.float().reshape(rows, groups, -1, patches.shape[-1])
        return [t.unflatten(0, (count, -1)).permute(0, 2, 1, 4, 3).flatten(2, 3) for t in (patches, gradient)]

    def gradient(self, module, name, inputs, gradient, count):
        if name == "bias":
            return _grouped(gradient.flatten(2).transpose(1, 2), count).sum(1)
        a, s = self.pair(module, inputs, gradient, count)
        return torch.einsum("ngto,ngti->ngoi", s, a)


class _Embedding:
    """Rows of a table, added up where a token stands more than once."""
    names = ("weight",)

    def __init__(self, module):
        pass

    def gradient(self, module, name, inputs, gradient, count):
        if module.scale_grad_by_freq:
            raise ValueError("gradients scaled by frequency")
        gradient, ids = _grouped(gradient, count), inputs.reshape(count, -1)
        if module.padding_idx is not None:
            gradient = gradient * (ids != module.padding_idx).unsqueeze(-1)
        table = gradient.new_zeros(count, *module.weight.shape)
        return table.scatter_add_(1, ids.unsqueeze(-1).expand_as(gradient), gradient)


class _Alone:
    """Any module that takes tensors and gives one, all with the example first: torch.func on it alone."""

    def __init__(self, module):
        self.names = tuple(name for name, value in module._parameters.items() if value is not None)
        self.is_busy = False

    def gradients(self, module, inputs, gradient, count):
        own = {name: module._parameters[name].detach() for name in self.names}

        def one(inputs, gradient):
            def output(parameters):
                return torch.func.functional_call(module, parameters, tuple(i.unsqueeze(0) for i in inputs))
            return torch.func.vjp(output, own)[1](gradient.unsqueeze(0))[0]

        if any(i.shape[0] != count for i in inputs) or gradient.shape[0] != count:
            raise ValueError("the examples do not come first")
        self.is_busy = True
        try:
            return torch.func.vmap(one)(inputs, gradient)
        finally:
            self.is_busy = False


def _way(module):
    if isinstance(module, torch.nn.Linear) or type(module).__name__ == "Conv1D" and hasattr(module, "nf"):
        return _Linear(module)
    if isinstance(module, (torch.nn.Conv1d, torch.nn.Conv2d)) and not isinstance(module, torch.nn.modules.lazy.LazyModuleMixin):
        return _Convolution(module)
    if isinstance(module, torch.nn.Embedding):
        return _Embedding(module)
    return _Alone(module)


class _Spared(torch.autograd.Function):
    """x·Wᵀ + b of a frozen layer, whose backward pass leaves out rows without a gradient: padding, and in the last layer of a
    classifier all places that nothing reads."""

    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(weight)
        return F.linear(x, weight, bias)

    @staticmethod
    def backward(ctx, gradient):
        weight, = ctx.saved_tensors
        rows = gradient.reshape(-1, gradient.shape[-1])
        # A few numbers of each row tell cheaply that most have a gradient.
        if 4 * int((rows[:, :16] != 0).any(1).sum()) > 3 * len(rows):
            result = rows @ weight
        else:
            some = (rows != 0).any(1).nonzero()[:, 0]
            result = rows.new_zeros(len(rows), weight.shape[1])
            result[some] = rows[some] @ weight
        return result.reshape(*gradient.shape[:-1], -1), None, None


def _is_casting():
    try:
        return torch.is_autocast_enabled("cpu")
    except TypeError:
        return torch.is_autocast_cpu_enabled()


_is_transforming = getattr(torch._C, "_are_functorch_transforms_active", lambda: False)


def _spared_forward(module, is_turned):
    def forward(*given, **named):
        x, = (*given, *named.values())
        weight = module.weight.T if is_turned else module.weight
        if not (torch.is_grad_enabled() and x.requires_grad) or weight.requires_grad or _is_transforming() or _is_casting():
            return F.linear(x, weight, module.bias)
        return _Spared.apply(x, weight, module.bias)
    return forward


@contextlib.contextmanager
def _sparing(modules):
    """In it, frozen linear layers on a CPU spare rows without a gradient."""
    for module, is_turned in modules:
        module.forward = _spared_forward(module, is_turned)
    try:
        yield
    finally:
        for module, _ in modules:
            del module.forward


class _Recorder:
    """Hooks that turn inputs and output gradients of modules into per-example gradients during one backward pass."""

    def __init__(self, model, blocks):
        self.places, owners = {id(p): b for b, (_, p) in blocks.items()}, []
        for module in model.modules():
            mine = {n: self.places[id(p)] for n, p in module._parameters.items() if p is not None and id(p) in self.places}
            if mine:
                owners.append((module, mine))
        self.owners, self.ways = owners, [_way(module) for module, _ in owners]
        self.kinds = {}
        for (_, mine), way in zip(owners, self.ways):
            for block in mine.values():
                self.kinds[block] = "module" if isinstance(way, _Alone) else "hooks"
        self.factors = None
        taken = {id(module) for module, _ in owners}
        # Conv1D is GPT-2's, whose weights are stored the other way round. A GPU would wait for the count of rows.
        self.frozen = [(m, type(m) is not torch.nn.Linear) for m in model.modules()
                       if (type(m) is torch.nn.Linear or type(m).__name__ == "Conv1D" and hasattr(m, "nf"))
                       and id(m) not in taken and "forward" not in m.__dict__ and m.weight.device.type == "cpu"]

    def without(self, failing):
        """Leaves blocks to another way."""
        kept = [(m, {n: b for n, b in mine.items() if b not in failing}) for m, mine in self.owners]
        both = [(o, w) for o, w in zip(kept, self.ways) if o[1]]
        self.owners, self.ways = [o for o, _ in both], [w for _, w in both]

    @contextlib.contextmanager
    def recording(self, count, mask=None, takes_gradients=True):
        """In it, forward and backward passes fill `sums` and note what `failed`."""
        self.sums, self.failed = {}, {}
        handles = [m.register_forward_hook(self._hook(way, mine, count, mask, takes_gradients))
                   for (m, mine), way in zip(self.owners, self.ways)]
        try:
            with _sparing(self.frozen):
                yield self
        finally:
            for handle in handles:
                handle.remove()

    def _hook(self, way, mine, count, mask, takes_gradients):
        def forward(module, inputs, output):
            if not torch.is_grad_enabled() or getattr(way, "is_busy", False):
                return None
            if not torch.is_tensor(output) or not inputs or not all(torch.is_tensor(i) for i in inputs):
                self.failed.update(dict.fromkeys(mine.values(), "it is given something else than tensors"))
                return None
            result = output
            if not output.requires_grad:
                # Nothing before it needs a gradient: the graph begins here, at a tensor that may be changed in place.
                output = output.detach().requires_grad_(True)
                result = output.clone()
            if inputs[0].shape[0] == 1 < count and output.dim() > 1:
                # One input for all examples, such as positions: each example gets an output of its own.
                inputs = tuple(i.expand(count, *i.shape[1:]) for i in inputs)
                output = result = result.expand(count, *result.shape[1:])
            kept = tuple(i.detach() for i in inputs)
            versions = [i._version for i in kept]

            def backward(gradient):
                with torch.no_grad():
                    try:
                        if [i._version for i in kept] != versions:
                            raise ValueError("its input is changed in place")
                        if takes_gradients:
                            self._add(way, module, mine, kept, gradient, count)
                        if self.factors is not None:
                            self.factors.add(way, module, mine, kept, gradient, count, mask)
                    except (ValueError, RuntimeError, TypeError) as error:
                        if isinstance(error, _OutOfMemory):
                            raise
                        self.failed.update(dict.fromkeys(mine.values(), str(error).split("\n")[0]))

            output.register_hook(backward)
            return result
        return forward

    def _add(self, way, module, mine, inputs, gradient, count):
        if isinstance(way, _Alone):
            found = way.gradients(module, inputs, gradient, count)
        else:
            found = {name: way.gradient(module, name, inputs[0], gradient, count) for name in mine if name in way.names}
        for name, block in mine.items():
            flat = found[name].reshape(count, -1).float()
            self.sums[block] = self.sums[block].add_(flat) if block in self.sums else flat


class _Functional:
    """The model with other parameters, for torch.func."""

    def __init__(self, model, parameters):
        self._model, self._parameters = model, parameters

    def __call__(self, *arguments, **named):
        return torch.func.functional_call(self._model, self._parameters, arguments, named)

    def __getattr__(self, name):
        return getattr(self._model, name)


class _Gradients:
    """Takes the gradients of batches, each parameter in the fastest way that gives what single examples give."""

    def __init__(self, model, loss, blocks, say):
        self.model, self.loss, self.blocks, self.say = model, loss, blocks, say
        self.recorder = _Recorder(model, blocks)
        self.by_function, self.by_loop = [], []
        self.is_planned, self.first, self.idle = False, None, set()
        # What draws labels in place of those of the data, in the passes that ask for it.
        self.draws = None
        self.moments = None
        types = {p.dtype for _, p in blocks.values()} | {p.dtype for p in model.parameters() if p.is_floating_point()}
        self.is_half = bool(types & {torch.float16, torch.bfloat16})
        # So that small gradients do not vanish in float16.
        self.scale = 1024.0 if torch.float16 in types else 1.0

    def losses(self, model, batch, count):
        losses = self.loss(model, batch) if self.draws is None else self.loss(model, batch, draws=self.draws)
        if not torch.is_tensor(losses) or losses.numel() != count or losses.dim() > 1 and losses.shape[0] != count:
            found = f"shape {list(losses.shape)}" if torch.is_tensor(losses) else f"a {type(losses).__name__}"
            raise ExportError(f"the loss gives {found} for a batch of {count} examples; it must give one number for each, [{count}], "
                              "such as cross_entropy(…, reduction=\"none\"), and the mean over the tokens of each text")
        return losses.reshape(count)

    def _single(self, batch, names):
        """The gradients of one example by autograd alone, and its loss."""
        parameters = [self.blocks[name][1] for name in names]
        for parameter in parameters:
            parameter.requires_grad_(True)
        try:
            loss = self.losses(self.model, batch, 1).sum()
            found = (torch.autograd.grad(loss * self.scale, parameters, allow_unused=True) if loss.requires_grad
                     else [None] * len(parameters))
        finally:
            for parameter in parameters:
                parameter.requires_grad_(False)
        zeros = (torch.zeros_like(p) if g is None else g for g, p in zip(found, parameters))
        return [g.reshape(1, -1).float() / self.scale for g in zeros], loss.detach()

    def _hooked(self, batch, count, mask=None, takes_gradients=True):
        with self.recorder.recording(count, mask, takes_gradients):
            losses = self.losses(self.model, batch, count)
            if losses.requires_grad:
                (losses.sum() * self.scale).backward()
        for flat in self.recorder.sums.values():
            flat /= self.scale
        return losses.detach(), self.recorder.sums, self.recorder.failed

    def _mapped(self, batch, count, names):
        own = {self.blocks[name][0]: self.blocks[name][1].detach() for name in names}
        axes = _map(batch, lambda t: 0 if t.dim() and t.shape[0] == count else None)

        def one(parameters, example):
            example = _map_where(example, axes)
            return self.losses(_Functional(self.model, parameters), example, 1).sum() * self.scale

        tensors, rebuild = _flattened(batch, axes)
        step = torch.func.vmap(torch.func.grad(lambda p, t: one(p, rebuild(t))), in_dims=(None, 0), randomness="different")
        found = step(own, tensors)
        return {name: found[self.blocks[name][0]].reshape(count, -1).float() / self.scale for name in names}

    def plan(self, batch, count):
        """Decides by the first batch: each way must give what its first and last example give by themselves."""
        self.is_planned = True
        names = list(self.blocks)
        losses, found, failed = self._hooked(batch, count)
        self.first = losses, found, {}
        single = {}
        for place in sorted({0, count - 1}):
            gradients, loss = self._single(_rows(batch, place, place + 1, count), names)
            single[place] = dict(zip(names, gradients))
            near = 0.1 if self.is_half else 1e-3
            if torch.isfinite(loss) and abs(float(losses[place]) - float(loss)) > near * (abs(float(loss)) + near):
                raise ExportError(
                    f"the loss of example {place} of the first batch is {float(losses[place]):.6g} there and {float(loss):.6g} by itself; "
                    "an example's loss may not depend on the others: no mean over the batch, no batch statistics")
        tolerance = 0.15 if self.is_half else 1e-3

        def wrong(found):
            bad = []
            for name in found:
                for place, theirs in single.items():
                    ours, theirs = found[name][place:place + 1], theirs[name]
                    largest = max(float(v.norm()) for v in single[place].values())
                    far = float((ours - theirs).norm())
                    if math.isfinite(largest) and not far <= tolerance * float(theirs.norm()) + 1e-2 * tolerance * largest:
                        bad.append(name)
                        break
            return bad

        hooked = {n: g for n, g in found.items() if n not in failed}
        # A module that this batch did not use, such as an expert, may be used by others.
        owned = {block for _, mine in self.recorder.owners for block in mine.values()}
        idle = {n for n in names if n in owned and n not in found and not any(bool(v[n].any()) for v in single.values())}
        self.idle = idle - set(failed)
        bad = set(wrong(hooked)) | set(failed) | {n for n in names if n not in found and n not in idle}
        self.recorder.without(bad)
        rest = [n for n in names if n in bad]
        if rest:
            try:
                mapped = self._mapped(batch, count, rest)
                self.by_loop = wrong(mapped)
            except ExportError:
                raise
            except Exception as error:
                if isinstance(error, _OutOfMemory):
                    raise
                self.by_loop = rest
                self.why = str(error).split("\n")[0]
            self.by_function = [n for n in rest if n not in self.by_loop]
        self._tell(names, failed)

    def _tell(self, names, failed):
        other = set(self.by_function) | set(self.by_loop)
        parts = []
        for kind in ("hooks", "module"):
            count = sum(self.recorder.kinds.get(n) == kind and n not in other for n in names)
            if count:
                parts.append(f"{count} by " + {"hooks": "hooks", "module": "torch.func on modules"}[kind])
        if self.by_function:
            parts.append(f"{len(self.by_function)} by torch.func on the model ({_some(self.by_function)})")
        if self.by_loop:
            why = f"; {_short(self.why)}" if getattr(self, "why", None) else ""
            parts.append(f"{len(self.by_loop)} one example after the other ({_some(self.by_loop)}{why})")
        self.say("parameters: " + ", ".join(parts))

    def notice(self, batch, count):
        """Compares again where a batch uses a block that none did before; outside of dropout, and nothing is added to factors."""
        wanted, self.recorder.factors = self.recorder.factors, None
        if not self.is_planned or self.idle and any(name in self.idle for name in self._hooked(batch, count)[1]):
            self.plan(batch, count)
        self.recorder.factors = wanted

    def of(self, batch, count, mask=None, takes_gradients=True, is_changed=False):
        """Losses [n], on the CPU, and the gradients [n, columns] in single precision."""
        first, self.first = self.first, None
        # The first batch is not computed again for what its comparison has made already.
        is_known = first and takes_gradients and not is_changed and self.recorder.factors is None
        losses, found, failed = first if is_known else self._hooked(batch, count, mask, takes_gradients)
        if failed:
            block, why = next(iter(failed.items()))
            raise ExportError(f"block {_short(block)}: {_short(why)}, which did not happen in the first batch; make all batches alike")
        if not takes_gradients:
            return losses.double().cpu(), None
        if self.by_function:
            try:
                found.update(self._mapped(batch, count, self.by_function))
            except Exception as error:
                if isinstance(error, (_OutOfMemory, ExportError)):
                    raise
                self.say(f"torch.func on the model does not take this batch ({_short(str(error).splitlines()[0])}); one example after the other")
                self.by_loop, self.by_function = self.by_loop + self.by_function, []
        if self.by_loop:
            rows = [self._single(_rows(batch, i, i + 1, count), self.by_loop)[0] for i in range(count)]
            for place, name in enumerate(self.by_loop):
                found[name] = torch.cat([row[place] for row in rows])
        device = losses.device
        parts = [found[n].to(device) if n in found else torch.zeros(count, p.numel(), device=device)
                 for n, (_, p) in self.blocks.items()]
        return losses.double().cpu(), torch.cat(parts, 1)


def _flattened(batch, axes):
    """The tensors of a batch that have a row for each example, and what makes a batch of them again."""
    tensors = []

    def collect(value, axis):
        if torch.is_tensor(value):
            if axis == 0:
                tensors.append(value)
        elif hasattr(value, "items"):
            for key in value:
                collect(value[key], axis[key])
        elif isinstance(value, (list, tuple)):
            for v, a in zip(value, axis):
                collect(v, a)

    collect(batch, axes)

    def rebuild(parts):
        left = iter(parts)

        def one(value, axis):
            if torch.is_tensor(value):
                return next(left) if axis == 0 else value
            if hasattr(value, "items"):
                return {key: one(value[key], axis[key]) for key in value}
            if isinstance(value, (list, tuple)):
                values = [one(v, a) for v, a in zip(value, axis)]
                return type(value)(*values) if hasattr(value, "_fields") else type(value)(values)
            return value

        return one(batch, axes)

    return tuple(tensors), rebuild


def _map_where(batch, axes):
    """Gives examples back the dimension that vmap took away."""
    if torch.is_tensor(batch):
        return batch.unsqueeze(0) if axes == 0 else batch
    if hasattr(batch, "items"):
        return {key: _map_where(batch[key], axes[key]) for key in batch}
    if isinstance(batch, (list, tuple)):
        values = [_map_where(v, a) for v, a in zip(batch, axes)]
        return type(batch)(*values) if hasattr(batch, "_fields") else type(batch)(values)
    return batch


# ---------------------------------------------------------------------------------------------------------------------
# What is collected beside gradients.

class _Factors:
    """Kronecker factors: A, mean of a·aᵀ over the tokens that the mask keeps; S, sum of s·sᵀ over an example's tokens, mean
    over examples; so that S ⊗ A has the size of the gradients' second moments."""

    def __init__(self, scale):
        self.scale, self.sums = scale, {}

    def add(self, way, module, mine, inputs, gradient, count, mask):
        if not isinstance(way, _Linear):
            return
        a, s = way.pair(module, inputs[0], gradient, count)
        if a.dim() == 4:
            a, s = a[:, 0], s[:, 0]
        s, tokens = s / self.scale, a.shape[0] * a.shape[1]
        if mask is not None and mask.shape == a.shape[:2]:
            kept = mask.to(a)
            a, tokens = a * kept.unsqueeze(-1), float(kept.sum())
        a, s = a.flatten(0, 1), s.flatten(0, 1)
        entry = self.sums.setdefault(tuple(mine.items()), [0, 0, 0, way.is_turned])
        entry[0] = entry[0] + (a.T @ a).double().cpu()
        entry[1] = entry[1] + (s.T @ s).double().cpu()
        entry[2] += tokens

    @staticmethod
    def missing(recorder, blocks):
        """Blocks of which there can be no factors."""
        held = {b for (m, mine), way in zip(recorder.owners, recorder.ways)
                if isinstance(way, _Linear) and getattr(m, "groups", 1) == 1 for b in mine.values()}
        return [b for b in blocks if b not in held]

    def tensors(self, examples, suffix=""):
        found = {}
        for mine, (a, s, tokens, is_turned) in self.sums.items():
            a, s = (a / tokens).numpy(), (s / examples).numpy()
            for name, block in mine:
                block += suffix
                if name == "bias":
                    found[f"{block}.activations"], found[f"{block}.output_gradients"] = np.ones((1, 1)), s
                else:
                    found[f"{block}.activations"], found[f"{block}.output_gradients"] = (s, a) if is_turned else (a, s)
        return found


class _Moments:
    """EK-FAC's second moments Λ = mean (Q_s·g·Q_aᵀ)² of each block, and eigenvectors Q of its factors, one in a row."""

    def __init__(self, factors, blocks):
        self.factors, self.places, start = factors, [], 0
        for block, (_, parameter) in blocks.items():
            end = start + parameter.numel()
            bases = [torch.linalg.eigh(torch.from_numpy(np.array(factors[f"{block}.{side}"])))[1].T.contiguous()
                     for side in ("output_gradients", "activations")]
            self.places.append((block, start, end, *bases, torch.zeros(len(bases[0]), len(bases[1]), dtype=torch.float64)))
            start = end

    def add(self, rows):
        rows = rows.cpu().double()
        for _, start, end, outputs, inputs, total in self.places:
            turned = outputs @ rows[:, start:end].reshape(len(rows), len(outputs), len(inputs)) @ inputs.T
            total += turned.square_().sum(0)

    def tensors(self, examples, suffix):
        found = {}
        for block, _, _, outputs, inputs, total in self.places:
            found |= {f"{block}{suffix}.activations": self.factors[f"{block}.activations"],
                      f"{block}{suffix}.output_gradients": self.factors[f"{block}.output_gradients"],
                      f"{block}{suffix}.activation_basis": inputs.numpy(), f"{block}{suffix}.output_basis": outputs.numpy(),
                      f"{block}{suffix}.eigenvalues": (total / examples).numpy()}
        return found


class _Features:
    """What a module reads, one vector for each example."""

    def __init__(self, model, name):
        modules = dict(model.named_modules())
        found = [n for n in modules if n == name or n.endswith("." + name)]
        adapters = [n for n in found if ".modules_to_save." in n]
        found = adapters or [n for n in found if ".original_module" not in n] or found
        if len(found) != 1:
            raise ExportError(f"representations={name!r} names {len(found)} modules of the model; give the whole name of one ({_some(found or modules)})")
        self.name, self.rows = found[0], []
        self.handle = modules[found[0]].register_forward_pre_hook(self._read)
        self.is_on, self.last = False, None

    def _read(self, module, inputs):
        # The batch comes first, and then single examples, where some gradients are taken so.
        if self.is_on and self.last is None:
            self.last = inputs[0].detach()

    def keep(self, count):
        value, self.last = self.last, None
        if value.dim() == 3 and value.shape[1] == 1:
            value = value[:, 0]
        if value.shape[0] != count or value.dim() != 2:
            raise ExportError(f"{self.name} reads {list(value.shape)} for {count} examples; representations are one vector for each: name another module")
        self.rows.append(value.double().cpu().numpy())


def _class_names(model, classes):
    """The names of the classes in the order of the model's outputs: as given, or as its configuration has them."""
    if classes is not None:
        return [str(name) for name in classes]
    names = getattr(getattr(model, "config", None), "id2label", None) or {}
    names = [str(names[place]) for place in sorted(names)]
    return [] if any(name.startswith("LABEL_") for name in names) else names


def _fitted_head(features, labels, count, penalty):
    """A last layer Θ, count × (d + 1) with the bias last, at the minimum of mean cross entropy + (λ/2)·‖Θ‖², and each
    example's gradient of its own loss by the outputs; by Newton's method with conjugate gradients."""
    x = np.concatenate([features, np.ones((len(features), 1))], 1)
    rows, hot = len(x), np.eye(count)[labels]
    theta = np.zeros((count, x.shape[1]))
    tolerance = 1e-12 * max(1.0, math.sqrt((x ** 2).sum() / rows))

    def at(theta):
        z = x @ theta.T
        z -= z.max(1, keepdims=True)
        total = np.log(np.exp(z).sum(1))
        p = np.exp(z - total[:, None])
        return (total - z[hot > 0]).mean() + penalty / 2 * (theta ** 2).sum(), p

    value, p = at(theta)
    for _ in range(100):
        slope = (p - hot).T @ x / rows + penalty * theta
        if np.linalg.norm(slope) <= tolerance:
            break
        step, left = np.zeros_like(theta), -slope
        direction, size = left, (left ** 2).sum()
        goal = size * 1e-24
        for _ in range(10 * theta.size):
            if size <= goal:
                break
            u = x @ direction.T
            curved = (p * (u - (p * u).sum(1, keepdims=True))).T @ x / rows + penalty * direction
            length = size / (direction * curved).sum()
            step, left = step + length * direction, left - length * curved
            before, size = size, (left ** 2).sum()
            direction = left + size / before * direction
        length = 1.0
        while True:
            tried, probabilities = at(theta + length * step)
            # At the minimum rounding decides which of two values is less.
            if tried <= value + 1e-4 * length * (slope * step).sum() + 1e-13 * abs(value) or length < 1e-6:
                break
            length /= 2
        theta, value, p = theta + length * step, tried, probabilities
    return theta, p - hot


def _class_count(model, classes, labels):
    known = getattr(getattr(model, "config", None), "num_labels", None)
    return max(len(classes), int(labels.max()) + 1, known if isinstance(known, int) and not classes else 0)


def _write_representations(folder, features, examples, classes, model, penalty):
    labels = [dict(examples[row]).get("label") if examples is not None else None for row in range(len(features))]
    missing = [row for row, label in enumerate(labels) if label is None]
    numbers, known = [str(label) for label in labels], None
    if len(missing) == len(labels):
        # For methods that compare no classes.
        tensors, metadata = {"features": features}, {"classes": "[]"}
    elif missing:
        raise ExportError(f"{folder}: row {missing[0]} has no label, and others have; give each example's \"label\", or none")
    elif all(re.fullmatch(r"\d+", text) for text in numbers):
        known = np.array([int(text) for text in numbers])
        tensors, metadata = {"features": features, "labels": known.astype(float)}, {}
    else:
        other = next((row for row, text in enumerate(numbers) if text not in classes), None)
        if other is not None:
            raise ExportError(f"{folder}: row {other}: the label {_short(repr(numbers[other]), 40)} is not one of the model's classes"
                              f"{' ' + _some(classes) if classes else ', whose names are not known'}; give classes=[…] in the order of "
                              "the model's outputs, the same for training examples and queries")
        known = np.array([classes.index(text) for text in numbers])
        tensors = {"features": features}
        metadata = {"labels": json.dumps(numbers), "classes": json.dumps(classes)}
    if known is not None and penalty is not None:
        tensors["head"], tensors["output_gradients"] = _fitted_head(features, known, _class_count(model, classes, known), penalty)
        metadata["regularization"] = repr(float(penalty))
    _write_safetensors(folder / "representations.safetensors", tensors, {**metadata, "examples": str(len(features))})


# ---------------------------------------------------------------------------------------------------------------------
# Losses.

def _fields(batch, *without):
    return {key: value for key, value in batch.items() if key not in without}


def _measured(logits, labels, measure):
    """What is taken of logits [… × c] and labels […], with p the probability of the label: the loss −log p, the margin
    log(p/(1 − p)), or the label's logit."""
    if measure == "loss":
        return F.cross_entropy(logits.movedim(-1, 1) if logits.dim() > 2 else logits, labels, reduction="none")
    places = labels.unsqueeze(-1)
    own = logits.gather(-1, places).squeeze(-1)
    if measure == "logit":
        return own
    if measure == "margin":
        return own - logits.scatter(-1, places, -math.inf).logsumexp(-1)
    raise ExportError(f"measure={measure!r} is none of loss, margin and logit")


def label_loss(model, batch, measure="loss", draws=None):
    """Cross entropy of each example's class: `labels` of the batch against the model's logits.

    With measure="margin" log(p/(1 − p)) in its place, with "logit" the class's logit. `draws` gives labels in place of those
    of the batch, for factors="sampled".
    """
    output = model(**_fields(batch, "labels"))
    logits = (output.logits if hasattr(output, "logits") else output).float()
    return _measured(logits, batch["labels"] if draws is None else draws(logits), measure)


def token_loss(model, batch, reduction="mean", measure="loss", draws=None):
    """Cross entropy of each text's tokens after the ones before them; `labels` of −100 do not count.

    Mean over a text's tokens, or their sum. measure and draws are those of `label_loss`, of each token.
    """
    logits = model(**_fields(batch, "labels")).logits[:, :-1].float()
    labels = batch["labels"][:, 1:]
    kept = labels != -100
    labels = labels.clamp(min=0) if draws is None else draws(logits, kept)
    values = torch.where(kept, _measured(logits, labels, measure), 0.0).sum(1)
    return values if reduction == "sum" else values / kept.sum(1)


class Denoising:
    """The loss of a diffusion model at given timesteps: mean square of what it predicts, averaged over them.

    A batch has `latents` (or `sample`) and whatever else the model takes. Noise follows from seed, row and timestep alone. With
    concatenate=True the gradient at each timestep is a block of its own, NAME@t=TIMESTEP, in place of their mean.
    """

    def __init__(self, scheduler, timesteps, seed=0, concatenate=False, _only=None):
        self.scheduler, self.timesteps, self.seed = scheduler, [int(t) for t in timesteps], seed
        self.concatenate, self._only = concatenate, _only
        if not self.timesteps:
            raise ExportError("Denoising needs timesteps; give some")

    def parts(self):
        """A loss for each timestep."""
        return {f"@t={t}": Denoising(self.scheduler, self.timesteps, self.seed, _only=i) for i, t in enumerate(self.timesteps)}

    def describe(self):
        """What a store remembers of it."""
        return f"Denoising(timesteps={self.timesteps}, seed={self.seed}, concatenate={self.concatenate})"

    def prepare(self, batch, first_row):
        """Draws the noise of each example and timestep."""
        name = "latents" if "latents" in batch else "sample"
        shape = batch[name].shape
        noise = torch.empty(shape[0], len(self.timesteps), *shape[1:])
        for place in range(shape[0]):
            for index, t in enumerate(self.timesteps):
                noise[place, index] = torch.randn(shape[1:], generator=torch.Generator().manual_seed(
                    _number(f"noise {self.seed} {first_row + place} {t}")))
        return {**batch, "noise": noise.to(batch[name])}

    def __call__(self, model, batch):
        name = "latents" if "latents" in batch else "sample"
        clean, others = batch[name], _fields(batch, name, "noise")
        chosen = range(len(self.timesteps)) if self._only is None else [self._only]
        kind, total = getattr(self.scheduler.config, "prediction_type", "epsilon"), 0
        for index in chosen:
            noise = batch["noise"][:, index]
            t = torch.full((clean.shape[0],), self.timesteps[index], device=clean.device, dtype=torch.long)
            output = model(self.scheduler.add_noise(clean, noise, t), t, **others)
            output = output.sample if hasattr(output, "sample") else output
            target = {"epsilon": lambda: noise, "sample": lambda: clean,
                      "v_prediction": lambda: self.scheduler.get_velocity(clean, noise, t)}[kind]()
            total = total + (output.float() - target.float()).square().flatten(1).mean(1) / len(chosen)
        return total


# ---------------------------------------------------------------------------------------------------------------------
# Labels drawn from the model.

_WORD = (1 << 64) - 1


def _mixed(state):
    """SplitMix64."""
    while True:
        state = state + 0x9E3779B97F4A7C15 & _WORD
        z = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & _WORD
        z = (z ^ z >> 27) * 0x94D049BB133111EB & _WORD
        yield z ^ z >> 31


def _uniforms(seed, row, count):
    """Numbers from 0 to below 1 of a row's own: xoshiro256++, seeded as `influence gradients --factors sampled` does it."""
    first, second = _mixed(seed & _WORD), _mixed((4 << 32) + row ^ 0x6A09E667F3BCC909)
    a, b, c, d = (next(first) ^ next(second) for _ in range(4))
    numbers = []
    for _ in range(count):
        total = a + d & _WORD
        numbers.append(((total << 23 | total >> 41) + a & _WORD) >> 11)
        shifted = b << 17 & _WORD
        c, d = c ^ a, d ^ b
        b, a, c = b ^ c, a ^ d, c ^ shifted
        d = (d << 45 | d >> 19) & _WORD
    return torch.tensor(numbers, dtype=torch.float64) * 2.0 ** -53


class _Draws:
    """Labels, or tokens, drawn with the probabilities that the model gives them. What a row draws depends on nothing else."""

    def __init__(self, seed, first):
        self.seed, self.first = seed, first

    def __call__(self, logits, kept=None):
        """Labels [n] of logits [n × c]; or tokens [n × places] of logits [n × places × c], where `kept` says."""
        places = logits.shape[:-1]
        drawn = torch.zeros(places, dtype=torch.long, device=logits.device)
        with torch.no_grad():
            for place in range(len(logits)):
                some = logits[place][None] if kept is None else logits[place][kept[place]]
                some = some.detach().double().cpu()
                sums = (some - some.amax(-1, keepdim=True)).exp().cumsum(-1)
                numbers = _uniforms(self.seed, self.first + place, len(some))[:, None]
                found = torch.searchsorted(sums, numbers * sums[:, -1:], right=True)[:, 0].clamp(max=some.shape[-1] - 1)
                if kept is None:
                    drawn[place] = found[0]
                else:
                    drawn[place, kept[place]] = found.to(drawn.device)
        return drawn


# ---------------------------------------------------------------------------------------------------------------------
# Fingerprints.

def _number(text):
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def _digest(values):
    """A fingerprint of texts and tensors, one after the other."""
    sum_ = hashlib.blake2b(digest_size=16)
    for value in values:
        if torch.is_tensor(value):
            value = value.detach().cpu().contiguous()
            sum_.update(f"{list(value.shape)} {value.dtype}".encode())
            sum_.update(value.reshape(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b"")
        else:
            sum_.update(repr(value).encode("utf-8", "surrogatepass"))
        sum_.update(b"\0")
    return sum_.hexdigest()


def _leaves(batch):
    if hasattr(batch, "items"):
        return [leaf for key in batch for leaf in [str(key)] + _leaves(batch[key])]
    if isinstance(batch, (list, tuple)):
        return [leaf for value in batch for leaf in _leaves(value)]
    return [batch]


def _weights(model):
    """Names and shapes of all frozen parameters, and the first row of each."""
    for name, parameter in model.named_parameters():
        yield name
        yield str(list(parameter.shape))
        if parameter.numel() and not _is_adapters(name):
            yield parameter.detach().reshape(-1)[:parameter.shape[-1] if parameter.dim() else 1].float()


def _described(loss):
    if hasattr(loss, "describe"):
        return loss.describe()
    if hasattr(loss, "func"):
        return f"{_described(loss.func)} {list(loss.args)} {dict(loss.keywords)}"
    return getattr(loss, "__qualname__", type(loss).__qualname__)


# ---------------------------------------------------------------------------------------------------------------------
# The export.

class _Progress:
    def __init__(self, what, total, quiet):
        self.what, self.total, self.quiet = what, total, quiet
        self.start = self.last = time.monotonic()
        self.first = None

    def __call__(self, row):
        self.first = row if self.first is None else self.first
        now = time.monotonic()
        is_terminal = sys.stderr.isatty()
        if self.quiet or now - self.last < (0.5 if is_terminal else 30):
            return
        self.last = now
        rate = (row - self.first) / max(now - self.start, 1e-9)
        text = f"{self.what}: {row}" + (f" of {self.total}" if self.total else "") + f" rows, {rate:.3g} per second"
        if self.total and rate:
            text += f", {(self.total - row) / rate:.0f} s left"
        print(("\r" + text + "\x1b[K") if is_terminal else text, end="" if is_terminal else "\n", file=sys.stderr, flush=True)

    def end(self):
        if not self.quiet and sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr)


@contextlib.contextmanager
def _dropout(model, rate, seed, device):
    """In it, what adapters read is dropped; in a model without adapters, what its dropout modules read."""
    saved = []
    for module in model.modules():
        for name in list(getattr(module, "lora_dropout", {}) or {}):
            saved.append((module.lora_dropout, name, module.lora_dropout[name]))
            module.lora_dropout[name] = torch.nn.Dropout(rate).train()
    others = [] if saved else [m for m in model.modules() if isinstance(m, torch.nn.modules.dropout._DropoutNd)]
    if not saved and not others:
        raise ExportError("the model has no dropout, and no adapter: there is no ensemble of members to draw")
    rates = [(m, m.p) for m in others]
    for module in others:
        module.p = rate
        module.train()
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            yield
    finally:
        for place, name, module in saved:
            place[name] = module
        for module, p in rates:
            module.p = p
            module.eval()


@contextlib.contextmanager
def _quiescent(model):
    """In it, the model is in evaluation, and no parameter asks for its gradient."""
    training = [(m, m.training) for m in model.modules()]
    wanted = [(p, p.requires_grad) for p in model.parameters()]
    fast = torch.backends.mha.get_fastpath_enabled()
    model.eval()
    torch.backends.mha.set_fastpath_enabled(False)
    for parameter, _ in wanted:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for module, flag in training:
            module.training = flag
        for parameter, flag in wanted:
            parameter.requires_grad_(flag)


def _load(model, source, saved):
    """Loads a checkpoint: a state dict, a file of one, or a folder of PEFT or Hugging Face; `saved` gets what was there before."""
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        if path.is_dir():
            files = [path / n for n in ("adapter_model.safetensors", "model.safetensors", "adapter_model.bin") if (path / n).exists()]
            if not files:
                raise ExportError(f"{path}: there is no adapter_model.safetensors or model.safetensors; give a checkpoint's folder, file or state dict")
            path = files[0]
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file
            source = load_file(path)
        else:
            source = torch.load(path, map_location="cpu", weights_only=True)
    adapters, active = _adapters(model)
    names = {}
    for name, _ in model.named_parameters():
        names[name] = name
        if not any(f".{a}." in f"{name}." for a in adapters if active and a not in active):
            names.setdefault(_block_name(name, adapters), name)
    unknown = [name for name in source if name not in names and name not in dict(model.named_buffers())]
    if unknown:
        raise ExportError(f"the checkpoint has parameters that the model has not: {_some(unknown)}; load it into the model that it is of")
    with torch.no_grad():
        own = dict(model.named_parameters())
        for name, value in source.items():
            if name in names:
                parameter = own[names[name]]
                if names[name] not in saved:
                    saved[names[name]] = parameter.detach().clone()
                if parameter.shape != value.shape:
                    raise ExportError(f"the checkpoint's {_short(name)} is {list(value.shape)}, and the model's {list(parameter.shape)}; "
                                      "load it into the model that it is of")
                parameter.copy_(value)


def export(model, loss, batches, output, parameters="lora", dtype="float32", members=None, checkpoints=None, factors=False,
           representations=None, examples=None, *, optimizer=None, classes=None, penalty=0.01, seed=0, memory=1 << 30, mask="attention_mask",
           commit_seconds=5.0, quiet=False, origin=None):
    """Writes the gradients of each example's own loss as a store that `influence` opens.

    model            a torch.nn.Module; it is taken in evaluation, and left as it was
    loss             loss(model, batch) → [n]; or a dictionary of several, whose gradients stand side by side as blocks NAME + key
    batches          a list or DataLoader, in the order of the rows
    output           the store's folder; one that an interrupted call left is gone on with
    parameters       "lora": adapters and what is trained beside them; "trainable": what requires gradients; a regular
                     expression of names (re.search); or a list of names
    dtype            float32, float16, bfloat16, float64 or int8
    members          T, or (T, largest rate): an ensemble under dropout, PARENT/0/NAME, PARENT/1/NAME … for PARENT/NAME
    checkpoints      {name: folder, file or state dict}: PARENT/checkpoints/name/NAME, each from those parameters
    factors          Kronecker factors beside the gradients, for kfac and ekfac: True or "empirical", of the data's labels;
                     "sampled", of labels drawn from the model, by seed and row (the loss takes `draws`, as label_loss does)
    representations  the module, such as "classifier", whose input is written for knn-shapley, similarity and rps
    examples         for each row a dictionary with any of id, text and label
    optimizer        the torch.optim.Adam or AdamW that trained the model, as it is now: its moments beside the gradients, for less
    classes          the names of the classes in the order of the model's outputs, where labels are names; those of
                     model.config.id2label unless given
    penalty          λ of the last layer that is fitted to representations and labels, for rps; None fits none
    memory           bytes that a batch's gradients may take; larger batches are divided
    mask             the entry of a batch that is 0 where a token is padding: factors leave these out
    """
    def say(text):
        if not quiet:
            print(text, file=sys.stderr, flush=True)

    if dtype not in _SIZES:
        raise ExportError(f"dtype={dtype!r} is not one of {', '.join(_SIZES)}")
    if isinstance(getattr(batches, "sampler", None), torch.utils.data.RandomSampler):
        raise ExportError("the DataLoader shuffles, so that rows would not be in the order of the data; give shuffle=False")
    if members and checkpoints:
        raise ExportError("members and checkpoints are two exports; ask for one of them at a time")
    output = Path(output)
    runs = [(output, None, 0.0, 0)]
    if members:
        count, largest = members if isinstance(members, (tuple, list)) else (members, 0.01)
        if not 0 <= largest < 1 or count < 1:
            raise ExportError(f"members={members!r}: give a number of members from 1 up, and a rate from 0 up to below 1")
        runs = [(output.parent / str(m) / output.name, None, largest * m / max(count - 1, 1), m) for m in range(count)]
    if checkpoints:
        runs = [(output.parent / "checkpoints" / str(n) / output.name, source, 0.0, 0) for n, source in checkpoints.items()]
    factors = {False: None, True: "empirical"}.get(factors, factors)
    if factors not in (None, "empirical", "sampled"):
        raise ExportError(f"factors={factors!r} is none of True, \"empirical\" and \"sampled\"")
    passes = len(runs) + bool(factors) + (factors == "sampled") + bool(representations)
    if passes > 1 and iter(batches) is batches:
        raise ExportError("batches can be gone through only once, and more than one pass is needed; give a list or a DataLoader")
    blocks = _select(model, parameters, say)
    if isinstance(loss, Denoising) and loss.concatenate:
        loss = loss.parts()
    losses = dict(loss) if isinstance(loss, dict) else {"": loss}
    if factors == "sampled" and not all(_can_draw(one) for one in losses.values()):
        raise ExportError("factors=\"sampled\" draws labels from the model, and the loss has no argument `draws` as label_loss and "
                          "token_loss have; give it one, or factors=True, of the data's labels")
    if optimizer is not None and (checkpoints or len(losses) > 1):
        raise ExportError("optimizer= is of one loss and the model as it is now; export checkpoints one by one, each with its own, and one loss")
    moments = _optimizer_moments(optimizer, blocks) if optimizer is not None else None
    saved = {}
    with _quiescent(model):
        engines = {key: _Gradients(model, one, blocks, say) for key, one in losses.items()}
        try:
            for folder, source, rate, member in runs:
                if source is not None:
                    _load(model, source, saved)
                _Run(model, engines, batches, folder, blocks, dtype, examples, say, quiet, memory, mask, commit_seconds,
                     dict(origin or {}), rate, member, seed, _class_names(model, classes)).write(factors, representations, penalty, moments)
        finally:
            with torch.no_grad():
                for name, parameter in model.named_parameters():
                    if name in saved:
                        parameter.copy_(saved[name])
    return [folder for folder, *_ in runs] if members or checkpoints else output


def _optimizer_moments(optimizer, blocks):
    """What Adam knows of the parameters of blocks, before any bias correction, and the numbers of its rule as metadata."""
    if not isinstance(optimizer, (torch.optim.Adam, torch.optim.AdamW)):
        raise ExportError(f"optimizer= is a {_short(type(optimizer).__name__)}, and only Adam and AdamW have the moments that are kept; leave it out")
    groups = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    tensors, rules = {}, {}
    for block, (_, parameter) in blocks.items():
        group, state = groups.get(id(parameter)), optimizer.state.get(parameter, {})
        if group is None or "exp_avg" not in state:
            raise ExportError(f"optimizer= has taken no step of {_short(block)}; give the optimizer that trained this model, or choose parameters without it")
        if group.get("amsgrad") or group.get("maximize"):
            raise ExportError("optimizer= has amsgrad or maximize, whose steps are others; leave it out")
        if group.get("weight_decay") and not isinstance(optimizer, torch.optim.AdamW) and not group.get("decoupled_weight_decay"):
            raise ExportError("optimizer= is Adam with weight_decay, which is inside its moments; train with AdamW, or leave it out")
        step = int(state["step"])
        rule = {"beta1": float(group["betas"][0]), "beta2": float(group["betas"][1]), "epsilon": float(group["eps"]), "step": step}
        rules.setdefault(tuple(rule.items()), block)
        if len(rules) > 1:
            one, other = list(rules.values())[:2]
            raise ExportError(f"optimizer= has other betas, eps or steps for {_short(one)} than for {_short(other)}; choose parameters that were trained alike")
        for name, value in (("first_moment", state["exp_avg"]), ("second_moment", state["exp_avg_sq"])):
            tensors[f"{block}.{name}"] = value.detach().double().cpu().numpy().ravel()
    rule = dict(next(iter(rules)))
    if rule["epsilon"] <= 0:
        raise ExportError("optimizer= has eps = 0, with which a step may divide by nothing; leave it out")
    return tensors, {"optimizer": "adam", **{key: repr(value) for key, value in rule.items()}}


def _can_draw(loss):
    try:
        return "draws" in inspect.signature(loss).parameters
    except (TypeError, ValueError):
        return False


class _Run:
    """One store of an export."""

    def __init__(self, model, engines, batches, folder, blocks, dtype, examples, say, quiet, memory, mask, commit_seconds,
                 origin, rate, member, seed, classes):
        self.classes = classes
        self.model, self.engines, self.folder, self.blocks = model, engines, folder, blocks
        self.examples, self.say, self.quiet, self.mask, self.commit_seconds = examples, say, quiet, mask, commit_seconds
        self.rate, self.member, self.seed = rate, member, seed
        self.device = next(model.parameters()).device
        shapes = {b: tuple(p.shape) or (1,) for b, (_, p) in blocks.items()}
        # Kernels of convolutions are matrices of what a patch gives.
        shapes = {b: s if len(s) <= 2 else (s[0], math.prod(s[1:])) for b, s in shapes.items()}
        self.layout = [(b + key, shape) for key in engines for b, shape in shapes.items()]
        columns = sum(math.prod(shape) for _, shape in self.layout)
        self.most_rows = max(1, int(memory) // (8 * columns))
        stream = iter(batches)
        first = next(stream, None)
        if first is None:
            raise ExportError(f"{folder}: there are no batches")
        # An iterator has only this pass.
        self.batches = self._chained(first, stream) if stream is batches else batches
        self.total = len(examples) if hasattr(examples, "__len__") else None
        provenance = {
            "kind": "pytorch", "model": _model_name(model), "weights": _digest(_weights(model)),
            "adapter": _digest(v for b, (_, p) in blocks.items() for v in (b, p)),
            "loss": "; ".join(f"{key}: {_described(e.loss)}" if key else _described(e.loss) for key, e in engines.items()),
            "first_batch": _digest(_leaves(first)), "rows_at_a_time": str(self.most_rows), **{str(k): str(v) for k, v in origin.items()}}
        if self.total is not None:
            provenance["texts"] = _digest(sorted(dict(examples[row]).items()) for row in range(self.total))
        self.stream_seed = f"{seed} {member} {provenance['first_batch']}"
        if rate:
            provenance |= {"dropout": f"{rate:g}", "seed": str(seed)}
        self.store = _Store(folder, self.layout, dtype, provenance)
        # A batch is written while the next one is computed.
        self.writer, self.writing = ThreadPoolExecutor(1), None

    def _written(self):
        """Waits until all batches so far are in the store's files; throws what went wrong there."""
        writing, self.writing = self.writing, None
        if writing:
            writing.result()

    @staticmethod
    def _chained(first, stream):
        yield first
        yield from stream

    def write(self, factors, representations, penalty, moments=None):
        store = self.store
        done, started = store.committed, time.monotonic()
        if done and not store.complete:
            self.say(f"{self.folder}: goes on from row {done}")
        curvature, vectors = self.folder / "curvature.safetensors", self.folder / "representations.safetensors"
        wants = [factors and not curvature.exists(), representations and not vectors.exists()]
        features = _Features(self.model, representations) if wants[1] else None
        try:
            # Beside the first gradients, what is of the data's labels costs no pass of its own.
            collects = done == 0 and not store.complete
            is_drawn = factors == "sampled"
            joins = collects and not is_drawn
            rows = self._pass(done, wants[0] and joins, features if collects else None)
            if wants[0] and not joins or wants[1] and not collects:
                self._pass(None, wants[0] and not joins, None if collects else features, is_drawn=wants[0] and is_drawn)
            if self.total is not None and self.total != rows:
                raise ExportError(f"{self.folder}: there are {self.total} examples and {rows} rows of batches; they must be as many, in one order")
            if wants[0]:
                tensors = {}
                for key, engine in self.engines.items():
                    found = engine.recorder.factors
                    engine.recorder.factors = None
                    if is_drawn:
                        found = engine.moments = _Moments(found.tensors(rows), self.blocks)
                    tensors[key] = found
                if is_drawn:
                    self._pass(None, False, None, is_drawn=True)
                    for engine in self.engines.values():
                        engine.moments = None
                tensors = {name: value for key, found in tensors.items() for name, value in found.tensors(rows, key).items()}
                _write_safetensors(curvature, tensors, {"fisher": factors, "examples": str(rows)})
            if wants[1]:
                _write_representations(self.folder, np.concatenate(features.rows), self.examples, self.classes, self.model, penalty)
            place = self.folder / "optimizer.safetensors"
            if moments:
                # Written in one step: a call that goes on with a store may bring another state of the optimizer.
                _write_safetensors(place, *moments)
            if not store.complete:
                store.finish()
        except BaseException:
            # What was written before stays; what goes wrong now would hide the first error.
            with contextlib.suppress(Exception):
                self._written()
            if not store.complete:
                store.commit()
            raise
        finally:
            self.writer.shutdown()
            if features:
                features.handle.remove()
            for engine in self.engines.values():
                engine.recorder.factors = engine.moments = None
            with contextlib.suppress(OSError):
                store.close()
        seconds = time.monotonic() - started
        earlier = f" ({done} of them earlier)" if done else ""
        dropped = f" under dropout {self.rate:g}" if self.rate else ""
        self.say(f"{self.folder}: gradients of {rows} examples{earlier} × {store.columns} columns in {len(self.layout)} blocks{dropped}; "
                 f"{(rows - done) / max(seconds, 1e-9):.3g} per second")

    def _pass(self, done, factors, features, is_drawn=False):
        """Goes through all batches; rows from `done` on are written, none where it is None.

        Labels are drawn from the model where they are to be. The answer is the number of rows.
        """
        row, progress = 0, _Progress(str(self.folder), self.total, self.quiet)
        last_commit = time.monotonic()
        for engine in self.engines.values():
            engine.recorder.factors = _Factors(engine.scale) if factors else None
        for batch in self.batches:
            count = _count(batch)
            if not count:
                continue
            for first in range(0, count, self.most_rows):
                end = min(first + self.most_rows, count)
                if done is not None and row + end <= done:
                    continue
                if done is not None and self.store.complete:
                    raise ExportError(f"{self.folder}: it is complete with {self.store.rows} rows, and the batches have more; choose another folder")
                part = _rows(batch, first, end, count) if end - first < count else batch
                part = _map(part, lambda tensor: tensor.to(self.device))
                self._part(part, row + first, end - first, done, features, is_drawn)
                progress(row + end)
                if time.monotonic() - last_commit >= self.commit_seconds:
                    self._written()
                    self.store.commit()
                    last_commit = time.monotonic()
            row += count
        self._written()
        progress.end()
        if done is not None and row < done:
            raise ExportError(f"{self.folder}: it holds {done} rows, and the batches {row}; choose another folder")
        return row

    def _part(self, batch, first, count, done, features, is_drawn):
        losses, gradients = [], []
        mask = batch.get(self.mask) if self.mask and hasattr(batch, "get") else None
        for key, engine in self.engines.items():
            given = engine.loss.prepare(batch, first) if hasattr(engine.loss, "prepare") else batch
            engine.notice(given, count)
            if engine.recorder.factors is not None:
                missing = _Factors.missing(engine.recorder, self.blocks)
                if missing:
                    raise ExportError(f"factors are of linear maps and convolutions, and not of {_some(missing)}; choose parameters without them")
            drop = (_dropout(self.model, self.rate, _number(f"{self.stream_seed} {key} {first}"), self.device) if self.rate
                    else contextlib.nullcontext())
            if features:
                features.is_on = True
            engine.draws = _Draws(self.seed, first) if is_drawn else None
            try:
                with drop:
                    loss, rows = engine.of(given, count, mask, takes_gradients=done is not None or engine.moments is not None,
                                           is_changed=bool(self.rate or features or is_drawn))
            finally:
                engine.draws = None
            if engine.moments is not None:
                engine.moments.add(rows)
            if features:
                features.keep(count)
                features.is_on, features = False, None
            losses.append(loss)
            gradients.append(rows)
        if done is None:
            return
        loss = torch.stack(losses).mean(0)
        skip = max(0, done - first)
        described = [self._example(first + place) for place in range(count)]

        def name(place):
            known = described[skip + place].get("id")
            return f"{first + skip + place}" + (f" ({_short(known, 60)})" if known is not None else "")

        bad = (~torch.isfinite(loss[skip:])).nonzero()
        if len(bad):
            raise ExportError(f"{self.folder}: row {name(int(bad[0]))}: the loss is NaN or infinite; look at this example, or leave it out")
        lines = [{**{k: d[k] for k in ("id",) if k in d}, "loss": float(value), **{k: d[k] for k in ("text", "label") if k in d}}
                 for d, value in zip(described[skip:], loss[skip:])]
        whole = gradients[0] if len(gradients) == 1 else torch.cat(gradients, 1)
        self._written()
        self.writing = self.writer.submit(self.store.append, whole[skip:], lines, name)

    def _example(self, row):
        if self.examples is None:
            return {}
        if self.total is not None and row >= self.total:
            raise ExportError(f"{self.folder}: there are {self.total} examples, and the batches have a row {row}; give as many, in one order")
        example = dict(self.examples[row])
        unknown = [key for key in example if key not in ("id", "text", "label")]
        if unknown:
            raise ExportError(f"{self.folder}: row {row}: an example has id, text and label, and not {_some(unknown)}; leave it out")
        return {key: str(value) for key, value in example.items() if value is not None}


def _model_name(model):
    config = getattr(model, "config", None)
    path = getattr(config, "_name_or_path", None) or getattr(config, "name_or_path", None)
    return Path(path).name if isinstance(path, str) and path else type(model).__name__


# ---------------------------------------------------------------------------------------------------------------------
# The command.

def _read_examples(path):
    path = Path(path)
    if not path.exists():
        raise ExportError(f"{path}: there is no such file")
    if path.suffix in (".csv", ".tsv"):
        import csv
        with open(path, encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))
    if path.suffix == ".json":
        return json.loads(path.read_text(encoding="utf-8-sig"))
    rows = []
    with open(path, encoding="utf-8-sig") as file:
        for number, line in enumerate(file):
            if not line.strip():
                continue
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                raise ExportError(f"{path}, line {number + 1}: it is no JSON object ({error}); repair it") from None
    return rows


def _field(rows, name, path):
    values = []
    for row, example in enumerate(rows):
        if not isinstance(example, dict) or name not in example:
            there = _some(example) if isinstance(example, dict) else "no object"
            raise ExportError(f"{path}, row {row}: there is no field {name!r}; there are {there}")
        values.append(example[name])
    return values


def _texts(rows, name, path):
    values = _field(rows, name, path)
    for row, value in enumerate(values):
        if not isinstance(value, (str, int)) or isinstance(value, bool):
            raise ExportError(f"{path}, row {row}, field {name!r}: {_short(repr(value), 40)} is no text; repair the row, or leave it out")
    return [str(value) for value in values]


def _known_classes(config, adapter):
    """The number of each class that has a name: in the model's configuration, or beside an adapter of `influence finetune`."""
    known = {str(k): int(v) for k, v in (getattr(config, "label2id", None) or {}).items() if not str(k).startswith("LABEL_")}
    record = Path(adapter or "") / "training.json"
    if not known and adapter and record.exists():
        known = {str(n): i for i, n in enumerate(json.loads(record.read_text(encoding="utf-8")).get("labels") or [])}
    return known


def _classes(values, config, adapter, path, name):
    """Labels as numbers."""
    known = _known_classes(config, adapter)
    numbers = []
    for row, value in enumerate(values):
        text = str(int(value)) if isinstance(value, bool) else str(value)
        if text in known:
            numbers.append(known[text])
        elif re.fullmatch(r"\d+", text) and int(text) < config.num_labels:
            numbers.append(int(text))
        else:
            raise ExportError(f"{path}, row {row}, field {name!r}: {_short(text, 40)!r} is not a class of the model's {config.num_labels}; "
                              f"give numbers from 0{', or ' + _some(known) if known else ''}")
    return numbers


def _padded(sequences, batch):
    """Batches of rows in their order, padded on the right."""
    for first in range(0, len(sequences), batch):
        part = sequences[first:first + batch]
        longest = max(len(s["input_ids"]) for s in part)
        padded = {key: torch.tensor([s[key] + [fill] * (longest - len(s[key])) for s in part])
                  for key, fill in (("input_ids", 0), ("attention_mask", 0), ("token_type_ids", 0), ("labels", -100))
                  if isinstance(part[0].get(key), list)}
        if isinstance(part[0].get("labels"), int):
            padded["labels"] = torch.tensor([s["labels"] for s in part])
        yield padded


def _head_labels(adapter):
    """How many classes an adapter's own head has."""
    from safetensors import safe_open
    path = Path(adapter) / "adapter_model.safetensors"
    if not path.exists():
        raise ExportError(f"{path}: there is no such file; give the folder of an adapter that PEFT saved as safetensors")
    with safe_open(path, "pt") as file:
        heads = [n for n in file.keys() if re.search(r"(classifier|score|out_proj)(\.modules_to_save)?\.weight$", n) and ".lora_" not in n]
        return file.get_slice(heads[-1]).get_shape()[0] if heads else None


def _open(options):
    import transformers
    kind = transformers.AutoModelForSequenceClassification if options.label else transformers.AutoModelForCausalLM
    more = {}
    if options.label and options.adapter:
        labels = _head_labels(options.adapter)
        more = {"num_labels": labels} if labels else {}
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    model = kind.from_pretrained(options.model, **more).to(getattr(torch, options.model_dtype))
    if options.adapter:
        import peft
        model = peft.PeftModel.from_pretrained(model, options.adapter, is_trainable=True)
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.model)
    return model.to(options.device), tokenizer


def _encoded(options, rows, tokenizer, config):
    """What the model takes, and what is remembered of each example."""
    path = options.data
    texts = _texts(rows, options.text, path)
    ids = _texts(rows, options.id, path) if options.id else [str(row) for row in range(len(rows))]
    longest = getattr(config, "max_position_embeddings", None) or 1 << 30
    # RoBERTa counts positions from behind the padding.
    longest -= 2 if getattr(config, "model_type", "") in ("roberta", "xlm-roberta") else 0
    most = options.max_length or longest
    if most > longest:
        raise ExportError(f"--max-length {most}: the model takes {longest} tokens; give a number up to that")
    sequences, shown, labels, cut = [], [], None, 0
    if options.label:
        pairs = _texts(rows, options.text_pair, path) if options.text_pair else None
        given = _field(rows, options.label, path)
        numbers = _classes(given, config, options.adapter, path, options.label)
        labels = [str(int(v)) if isinstance(v, bool) else str(v) for v in given]
        for row, text in enumerate(texts):
            pair = (text, pairs[row]) if pairs else (text,)
            found = tokenizer(*pair, truncation=True, max_length=most)
            cut += len(found["input_ids"]) == most and len(tokenizer(*pair, verbose=False)["input_ids"]) > most
            sequences.append({**found, "labels": numbers[row]})
            shown.append(" ⏎ ".join(pair))
    else:
        prompts = _texts(rows, options.prompt, path) if options.prompt else [""] * len(rows)
        scope = options.loss_on or ("answer" if options.prompt else "all")
        ends = config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
        adds_end = options.end if options.end is not None else bool(options.prompt) and ends[0] is not None
        if adds_end and ends[0] is None:
            raise ExportError("the model does not say which token ends a text; give --no-end")
        for row, text in enumerate(texts):
            tokens = tokenizer(prompts[row] + text, verbose=False)["input_ids"]
            if adds_end and (not tokens or tokens[-1] != ends[0]):
                tokens = tokens + [ends[0]]
            first = 1
            if scope == "answer" and options.prompt:
                before = tokenizer(prompts[row], verbose=False)["input_ids"]
                first = max(1, next((i for i, (a, b) in enumerate(zip(before, tokens)) if a != b), min(len(before), len(tokens))))
            cut += len(tokens) > most
            tokens = tokens[:most]
            if first >= len(tokens):
                raise ExportError(f"{path}, row {row}: within {most} tokens there is nothing to predict; give a longer text or --max-length, or leave the row out")
            sequences.append({"input_ids": tokens, "attention_mask": [1] * len(tokens),
                              "labels": [-100] * first + tokens[first:]})
            shown.append(prompts[row] + text)
    for row, sequence in enumerate(sequences):
        if not sequence["input_ids"]:
            raise ExportError(f"{path}, row {row}: the text has no tokens; leave the row out, or give it a text")
    described = [{"id": ids[row], "text": shown[row], **({"label": labels[row]} if labels else {})} for row in range(len(rows))]
    return sequences, described, cut


def _answered(options, rows, tokenizer, model):
    """Prompts with what the model says after each: the tokens that it finds most likely, one by one."""
    path, config = options.data, model.config
    prompts = _texts(rows, options.prompt, path)
    ids = _texts(rows, options.id, path) if options.id else [str(row) for row in range(len(rows))]
    ends = config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
    longest = getattr(config, "max_position_embeddings", None) or 1 << 30
    sequences, described = [], []
    model.eval()
    for row, prompt in enumerate(prompts):
        tokens = tokenizer(prompt, verbose=False)["input_ids"]
        if len(tokens) > 1 and tokens[-1] in ends:
            tokens = tokens[:-1]
        if not tokens or len(tokens) >= longest:
            raise ExportError(f"{path}, row {row}: the prompt has {len(tokens)} tokens, and the model takes 1 to {longest - 1} before an answer; leave the row out")
        answer, new, past = [], tokens, None
        with torch.no_grad():
            for _ in range(min(options.generate, longest - len(tokens))):
                output = model(input_ids=torch.tensor([new], device=model.device), past_key_values=past, use_cache=True)
                past, new = output.past_key_values, [int(output.logits[0, -1].argmax())]
                answer += new
                if new[0] in ends:
                    break
        sequences.append({"input_ids": tokens + answer, "attention_mask": [1] * (len(tokens) + len(answer)),
                          "labels": [-100] * len(tokens) + answer})
        described.append({"id": ids[row], "text": prompt + tokenizer.decode(answer, skip_special_tokens=True, clean_up_tokenization_spaces=False)})
    return sequences, described, 0


class _Texts:
    """Batches of encoded texts, to be gone through again and again."""

    def __init__(self, sequences, batch):
        self.sequences, self.batch = sequences, batch

    def __iter__(self):
        return _padded(self.sequences, self.batch)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description="Per-example gradients of a Hugging Face model, with or without an adapter of PEFT, as a store that `influence` opens.",
        epilog="A run that is killed leaves a store that says it is incomplete; the same command goes on from its last row.")
    add = parser.add_argument
    add("--model", required=True, help="a folder of Hugging Face, or a name that transformers knows")
    add("--adapter", help="the adapter's folder")
    add("--data", required=True, help="the texts: .jsonl, .json, .csv or .tsv")
    add("--text", help="the field of the text, or of the answer to --prompt")
    add("--text-pair", help="the field of a second text")
    add("--label", help="the field of the class: integers from 0, or names that the model knows")
    add("--prompt", help="the field of what stands before the text")
    add("--id", help="the field of the example's name; its row unless given")
    add("--max-length", type=int, help="the most tokens of a text; the end of longer ones is cut")
    add("--loss-on", choices=["all", "answer"], help="tokens that are learnt; those of the answer unless given, with --prompt")
    add("--loss-reduction", choices=["mean", "sum"], default="mean", help="how the losses of a text's tokens become one")
    add("--end", action=argparse.BooleanOptionalAction, help="put the token that ends a text after it; with --prompt unless given")
    add("--measure", choices=["loss", "margin", "logit"], default="loss", help="what is differentiated: the loss; the margin log p/(1 - p); the logit")
    add("--generate", type=int, metavar="COUNT", help="in place of --text: what the model itself answers to --prompt, the tokens that it finds most likely, up to so many")
    add("--output", required=True, help="the store's folder")
    add("--parameters", default=None, help="lora, trainable or a regular expression; lora with --adapter, trainable without")
    add("--dtype", choices=list(_SIZES), default="float32", help="how numbers are stored")
    add("--dropout-members", type=int, help="members of an ensemble under dropout")
    add("--dropout-max", type=float, default=0.01, help="their largest dropout rate")
    add("--select-blocks", action="append", metavar="GLOB", help="only blocks whose names fit; * and ? stand for any characters; may be given again")
    add("--factors", nargs="?", const="empirical", choices=["empirical", "sampled"],
        help="Kronecker factors per token, for kfac and ekfac: of the data's labels, or of labels drawn from the model")
    add("--representations", metavar="MODULE", help="the module whose input is written, such as classifier; with --label also a last layer fitted to the labels, for rps")
    add("--penalty", type=float, default=0.01, help="the penalty of that layer: (penalty/2)|w|²")
    add("--seed", type=int, default=0, help="decides all that is random")
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="where the model is; a GPU where there is one")
    add("--model-dtype", choices=["float32", "float16", "bfloat16"], default="float32", help="how the model computes")
    add("--batch", type=int, default=16, help="texts at a time")
    add("--threads", type=int, help="threads of the CPU; all cores unless given")
    add("-q", "--quiet", action="store_true", help="no progress, no notes; only errors")
    options = parser.parse_args(arguments)
    if bool(options.label) and bool(options.prompt):
        parser.error("--label is for models that tell classes apart, --prompt for those that go on with a text: give one of them")
    if options.text_pair and not options.label:
        parser.error("--text-pair goes with --label")
    if options.label and (options.loss_on or options.end is not None):
        parser.error("--loss-on and --end are about tokens, and --label about classes: leave them out")
    if options.generate is not None:
        if options.generate < 1 or not options.prompt:
            parser.error("--generate COUNT answers prompts, by one token or more: name their field with --prompt")
        if options.text or options.loss_on or options.end is not None or options.max_length is not None:
            parser.error("--text, --loss-on, --end and --max-length are about texts of the file, and with --generate the model makes them: leave them out")
    elif not options.text:
        parser.error("--text names the field of the texts: give it")
    if options.factors and options.measure != "loss":
        parser.error("--factors are of the loss: write them with its gradients, without --measure")
    if options.penalty <= 0:
        parser.error("--penalty is a number above 0")
    if options.loss_on == "answer" and not options.prompt:
        parser.error("--loss-on answer needs --prompt: the answer stands behind it")
    if options.batch < 1 or options.max_length is not None and options.max_length < 1:
        parser.error("--batch and --max-length are numbers from 1 up")
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        rows = _read_examples(options.data)
        if not rows:
            raise ExportError(f"{options.data}: there are no rows; give a file with some")
        model, tokenizer = _open(options)
        sequences, described, cut = (_answered(options, rows, tokenizer, model) if options.generate
                                     else _encoded(options, rows, tokenizer, model.config))
        parameters = options.parameters or ("lora" if options.adapter else "trainable")
        if options.select_blocks:
            names = list(_select(model, parameters, lambda text: None))
            parameters = [n for n in names if any(fnmatch.fnmatchcase(n, re.sub(r"\[", "[[]", glob)) for glob in options.select_blocks)]
            if not parameters:
                raise ExportError(f"--select-blocks {_some(options.select_blocks)}: no block's name fits; there are {_some(names)}")
        loss = label_loss if options.label else functools.partial(token_loss, reduction=options.loss_reduction)
        if options.measure != "loss":
            loss = functools.partial(loss, measure=options.measure)
        known = _known_classes(model.config, options.adapter)
        export(model, loss, _Texts(sequences, options.batch), options.output,
               classes=sorted(known, key=known.get) or None, parameters=parameters, dtype=options.dtype,
               members=(options.dropout_members, options.dropout_max) if options.dropout_members else None,
               factors=options.factors or False, representations=options.representations, examples=described, penalty=options.penalty,
               seed=options.seed, quiet=options.quiet,
               origin={"batch": options.batch, **({"measure": options.measure} if options.measure != "loss" else {}),
                       **({"generated": options.generate} if options.generate else {})})
        if cut and not options.quiet:
            print(f"{cut} texts cut at the end, to the most tokens", file=sys.stderr)
    except (ExportError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 65
    return 0


if __name__ == "__main__":
    sys.exit(main())
