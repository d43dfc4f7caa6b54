"""What Hugging Face's tokenizers make of texts by the byte-level tokenizer in a GGUF file.

    python gguf_tokens.py SmolLM2-135M-Instruct.Q4_1.gguf    writes Tests/TransformersTests/Fixtures/smollm2-tokens.json

Tokens and merges are the file's; words are cut as llama.cpp cuts them where `tokenizer.ggml.pre` is `smollm`: around each
digit, then by the pattern of GPT-2. (transformers leaves the digits together when it loads such a file.) Texts whose bytes are
not all in the vocabulary are refused: the library would leave those bytes out.
"""

import json
import sys
from pathlib import Path

import gguf
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

OUTPUT = Path(__file__).resolve().parents[2] / "Tests" / "TransformersTests" / "Fixtures" / "smollm2-tokens.json"
TEXTS = [
    "", " ", "  ", "The capital of France is", " Paris", "Which training examples made it answer so?", "Don't you'll we've I'm he'd they're IT'S",
    "12345678 3.14 x2y ½ ² 1,000,000", "In 2024, 17 of 365 days", "tabs\tand\nlines\r\n\r\n  end \n", "   leading and   multiple   spaces ",
    "def gradient(x):\n    return 2 * x  # 0.5 * x ** 2\n", "naïve café — “quotes” … €", "Über Straße ÀÉÎ ΑΣ", "機械学習の例 mixed 漢字text", "Мы пишем письма",
    "emoji 😀 and 🇩🇪", "<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\n", "a<|endoftext|>b <|im_end|>", "<|im_start", "e\u0301 a\u0308",
    "under_score (brackets) [x] {y} <z> $1+2=3 ^~`|", "a" * 100, "\u3000ideographic\u00a0nbsp\u2003em", "... !!! ??", "snake_case_42 camelCase99 UPPER",
    '{"key": [1, 2, 30], "other": null}', "https://example.com/path?query=1&other=2", "\\frac{1}{2} \\sum_{i=1}^{10} i^2",
]


def main():
    if len(sys.argv) != 2:
        sys.exit("name the GGUF file")
    fields = gguf.GGUFReader(sys.argv[1]).fields

    def texts(key):
        field = fields[f"tokenizer.ggml.{key}"]
        return [bytes(field.parts[index]).decode() for index in field.data]

    assert texts("pre") == ["smollm"] and texts("model") == ["gpt2"]
    tokens = texts("tokens")
    types = [int(fields["tokenizer.ggml.token_type"].parts[index][0]) for index in fields["tokenizer.ggml.token_type"].data]
    merges = [tuple(merge.split(" ")) for merge in texts("merges")]
    tokenizer = Tokenizer(models.BPE({token: id for id, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token, type in zip(tokens, types) if type == 3])
    cases = []
    for text in TEXTS:
        ids = tokenizer.encode(text).ids
        assert tokenizer.decode(ids, skip_special_tokens=False) == text, text
        cases.append(json.dumps(dict(text=text, ids=ids)))
    OUTPUT.write_text("[\n" + ",\n".join(cases) + "\n]\n")
    print(f"{OUTPUT} ({len(cases)} texts)")


if __name__ == "__main__":
    main()
