"""Small checkpoints and quantized tensors, by the gguf package and by transformers.

    python checkpoints.py                          writes Tests/TensorFilesTests/Fixtures/quantized.{gguf,safetensors}
                                                   and the tiny models under Tests/TransformersTests/Fixtures/
    python checkpoints.py layers FILE.gguf OUTPUT  writes some tensors of a Llama as transformers loads them from the
                                                   file, into the safetensors file OUTPUT

The first part quantizes random rows with the gguf package, writes them with its writer, and keeps beside them what its
own dequantization makes of the blocks. It also makes random models of each family with transformers, saves each as a
folder, and writes the same weights as GGUF: with the names of the gguf package's own tables, rows of Llama's queries and
keys permuted by `permute` below, weights of GPT-2 transposed. transformers loads each GGUF file again, except BERT, which
it cannot, and must have the weights of the folder to the last bit.
"""

import argparse
import shutil
import sys
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers
from safetensors.numpy import load_file, save_file

REPOSITORY = Path(__file__).resolve().parents[2]
QUANTIZED = REPOSITORY / "Tests" / "TensorFilesTests" / "Fixtures"
MODELS = REPOSITORY / "Tests" / "TransformersTests" / "Fixtures"
SEED = 5
Type = gguf.GGMLQuantizationType


# MARK: Quantized tensors


def write_quantized():
    random = np.random.default_rng(SEED)
    writer = gguf.GGUFWriter(QUANTIZED / "quantized.gguf", "test")
    writer.add_uint8("value.uint8", 200)
    writer.add_int8("value.int8", -100)
    writer.add_uint16("value.uint16", 60_000)
    writer.add_int16("value.int16", -30_000)
    writer.add_uint32("value.uint32", 4_000_000_000)
    writer.add_int32("value.int32", -2_000_000_000)
    writer.add_uint64("value.uint64", 2**63 - 1)
    writer.add_int64("value.int64", -(2**63))
    writer.add_float32("value.float32", 0.1)
    writer.add_float64("value.float64", 0.1)
    writer.add_bool("value.bool", True)
    writer.add_string("value.string", "é\n")
    writer.add_array("value.strings", ["a", "", "ü"])
    writer.add_array("value.integers", [1, -2, 3])
    writer.add_array("value.numbers", [0.5, -0.25])
    writer.add_array("value.booleans", [True, False])
    expected = {}
    for type in [Type.F32, Type.F16, Type.BF16, Type.Q8_0, Type.Q4_0, Type.Q4_1]:
        values = random.normal(size=(5, 96)).astype(np.float32)
        values[1] *= 1e-4  # factors that are subnormal halves
        values[2, :32] = 0
        values[3] += 7  # blocks far from zero
        stored = gguf.quants.quantize(values, type)
        writer.add_tensor(type.name, stored, raw_dtype=type)
        expected[type.name] = np.ascontiguousarray(gguf.quants.dequantize(stored, type), dtype=np.float32)
    finish(writer)
    save_file(expected, QUANTIZED / "quantized.safetensors")


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


# MARK: Tiny models

SIZES = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, vocab_size=40)


def models():
    decoder = SIZES | dict(num_key_value_heads=2, max_position_embeddings=32, rope_theta=5000.0, bos_token_id=1, eos_token_id=2)
    yield "llama", transformers.LlamaForCausalLM(transformers.LlamaConfig(**decoder, tie_word_embeddings=False))
    yield "qwen2", transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**decoder, tie_word_embeddings=True))
    yield "gpt2", transformers.GPT2LMHeadModel(
        transformers.GPT2Config(n_embd=16, n_layer=2, n_head=4, n_positions=32, vocab_size=40, bos_token_id=1, eos_token_id=2)
    )
    yield "bert", transformers.BertModel(transformers.BertConfig(**SIZES, max_position_embeddings=32), add_pooling_layer=False)


def permute(weights, heads):
    """The rows of each head's two halves, one of each in turn: what GGUF files of Llama hold."""
    return weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:]).swapaxes(1, 2).reshape(weights.shape)


def write_model(name, model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.5)
    folder = MODELS / f"tiny-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    for other in folder.iterdir():
        if other.name not in ("config.json", "model.safetensors"):
            other.unlink()
    config = model.config
    path = MODELS / f"tiny-{name}.gguf"
    writer = gguf.GGUFWriter(path, name)
    writer.add_block_count(2)
    writer.add_context_length(32)
    writer.add_embedding_length(16)
    writer.add_feed_forward_length(24 if name != "gpt2" else 64)
    writer.add_head_count(4)
    if name in ("llama", "qwen2"):
        writer.add_head_count_kv(2)
        writer.add_rope_freq_base(5000.0)
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    else:
        writer.add_layer_norm_eps(config.layer_norm_epsilon if name == "gpt2" else config.layer_norm_eps)
    writer.add_vocab_size(40)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_tokenizer_model("bert" if name == "bert" else "gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([f"t{id}" for id in range(40)])
    writer.add_token_types([3] * 3 + [1] * 37)
    writer.add_token_merges(["t 1", "t 2"])
    names = gguf.get_tensor_name_map(next(a for a, n in gguf.MODEL_ARCH_NAMES.items() if n == name), 2)
    for tensor, values in load_file(folder / "model.safetensors").items():
        if name == "llama" and ".q_proj." in tensor:
            values = permute(values, 4)
        if name == "llama" and ".k_proj." in tensor:
            values = permute(values, 2)
        if name == "gpt2" and tensor.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
            values = values.T
        stored = names.get_name(tensor, try_suffixes=(".weight", ".bias"))
        assert stored, tensor
        writer.add_tensor(stored, np.ascontiguousarray(values))
    finish(writer)
    if name != "bert":
        again = transformers.AutoModelForCausalLM.from_pretrained(
            MODELS, gguf_file=path.name, config=config, dtype=torch.float32
        )
        expected, found = model.state_dict(), again.state_dict()
        assert expected.keys() == found.keys()
        for tensor in expected:
            assert torch.equal(expected[tensor], found[tensor]), tensor
        print(f"{name}: transformers has the folder's weights from the GGUF file, bit for bit")


# MARK: A real model


def write_layers(path, output):
    model = transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    last = model.config.num_hidden_layers - 1
    layers = tuple(f"model.layers.{layer}." for layer in {0, last // 2, last})
    kept = {
        name: values.numpy().copy()
        for name, values in model.state_dict().items()
        if name.startswith(layers) or name in ("model.embed_tokens.weight", "model.norm.weight")
    }
    save_file(kept, output)
    print(f"{len(kept)} tensors of layers 0, {last // 2} and {last}, the embeddings and the last norm: {output}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", choices=["layers"])
    parser.add_argument("paths", nargs="*", type=Path)
    arguments = parser.parse_args()
    if arguments.part == "layers":
        if len(arguments.paths) != 2:
            sys.exit("name the GGUF file and the output")
        return write_layers(*arguments.paths)
    torch.manual_seed(SEED)
    QUANTIZED.mkdir(parents=True, exist_ok=True)
    MODELS.mkdir(parents=True, exist_ok=True)
    write_quantized()
    for name, model in models():
        write_model(name, model)
    for folder in (QUANTIZED, MODELS):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                print(f"{path.relative_to(REPOSITORY)} ({path.stat().st_size:,} bytes)")


if __name__ == "__main__":
    main()
