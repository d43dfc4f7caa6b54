"""Small tokenizers of every kind, and what Hugging Face's tokenizers and sentencepiece make of odd texts with them.

    python text_tokens.py        writes Tests/DataTests/Fixtures/tokenizers/
    python text_tokens.py check TOKENIZER.json TEXTS.txt OUTPUT.jsonl
                                 writes text, ids and decoded text for each line of TEXTS.txt, for a test by hand

Each folder is one tokenizer as its library saves it, and `expected.json` holds a list of cases: `text`, perhaps `pair`
and `max_length`, `ids`, `type_ids` and `decoded`, the text of the ids without special tokens.
"""

import io
import json
import sys
from pathlib import Path

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

OUTPUT = Path(__file__).resolve().parents[2] / "Tests" / "DataTests" / "Fixtures" / "tokenizers"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CORPUS = [
    "The gradient of a training example says how the model would change if it saw the example again.",
    "Which of the training examples made the model answer so? A score for each example answers that.",
    "She said that the train to the station would leave at 10:45, and that they'd better hurry.",
    "It's raining; we've waited for hours, and I'm sure they're not coming. Don't you think he'll call?",
    "Numbers such as 3.14159, 2,718 and 1,000,000 are written in many ways.",
    "Die Häuser der Straße sind größer als früher, und der Fluss ist tiefer geworden.",
    "Le café était fermé, mais la forêt près de la rivière restait ouverte à tous.",
    "Мы читаем книги и пишем письма, когда идёт дождь.",
    "機械学習のモデルは例から学びます。学習した例が答えを作ります。",
    "def gradient(x):\n    return 2 * x  # the derivative of x squared\n",
    "The weather in the north was colder than in the south, and the wind was stronger than before.",
    "Training again without the example is the truth that scores are held against.",
]
TEXTS = [
    "", " ", "The training example", "  leading and   multiple   spaces ", "Don't you'll we've I'm he'd they're IT'S",
    "naïve café — “quotes” … 1,234.56 €", "12345678 3.14 x2y ２３ ½ Ⅷ", "tabs\tand\nlines\r\n\r\n  end \n", "機械学習の例 mixed 漢字text",
    "Über Straße ÀÉÎ İstanbul ΑΣ", "e\u0301 a\u0308 n\u0303o", "emoji 😀👩‍👩‍👧 and flags 🇩🇪", "zero\u200bwidth \u00adsoft \ufeffmark\x00\x07",
    "a" * 120, "under_score (brackets) [x] {y} <z> $1+2=3 ^~`|", "ﬁne Ω Å ℌ ſ it'ſ", "\u3000ideographic\u00a0nbsp\u2003em\u2028line",
    "unseen: ∰ ꙮ 𝔘 ᄀᆨ 각", "The\n\n\n gradient  \n  of", "' 's 't '", "   \n", "x  1", "Мы пишем", "... !!! ??\r\n",
]
PAIRS = [
    ("Which example made the model answer so?", "The gradient of a training example says.", None),
    ("Which example made the model answer so?", "The gradient of a training example says.", 21),
    ("Which example made the model answer so?", "Again.", 14),
    ("Again.", "Which example made the model answer so?", 15),
    ("Which example made the model", "", 8),
]


def cases(tokenizer: Tokenizer, texts: list[str]) -> list[dict]:
    def case(text, pair=None, max_length=None):
        tokenizer.no_truncation()
        if max_length:
            tokenizer.enable_truncation(max_length, strategy="longest_first")
        found = tokenizer.encode(text, pair)
        given = {"text": text} | ({} if pair is None else {"pair": pair}) | ({"max_length": max_length} if max_length else {})
        return given | {"ids": found.ids, "type_ids": found.type_ids, "decoded": tokenizer.decode(found.ids)}

    return [case(text) for text in texts] + [case(TEXTS[4], max_length=7)] + [case(*pair) for pair in PAIRS]


def save(name: str, tokenizer: Tokenizer, texts: list[str] = TEXTS) -> None:
    folder = OUTPUT / name
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    write(folder, cases(tokenizer, texts))


def write(folder: Path, expected: list[dict]) -> None:
    lines = ",\n".join(json.dumps(case, ensure_ascii=True) for case in expected)
    (folder / "expected.json").write_text(f"[\n{lines}\n]\n")
    print(folder.name, len(expected), "cases,", sum(file.stat().st_size for file in folder.iterdir()), "bytes")


def wordpiece() -> None:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=420, special_tokens=special, show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.decoder = decoders.WordPiece()
    save("wordpiece", tokenizer, TEXTS + ["[CLS] and [MASK]ed [UNK]"])
    # The same vocabulary as it stands alone, one token per line.
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])
    folder = OUTPUT / "wordpiece-vocab"
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("".join(token + "\n" for token, _ in vocabulary))
    write(folder, cases(tokenizer, TEXTS))


def byte_level(pre_tokenizer, size: int, **options) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(**options))
    tokenizer.pre_tokenizer = pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def byte_levels() -> None:
    digits = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer = byte_level(digits, 360)
    tokenizer.add_tokens([AddedToken("<mask>", lstrip=True, special=True), AddedToken("wordy", single_word=True)])
    tokenizer.add_tokens([AddedToken("<tool>", rstrip=True), AddedToken("<tool>>", normalized=False)])
    save("digits", tokenizer, TEXTS + ["a <mask> b<mask>c", "wordy swordy wordy.", "x<tool>  y <tool>>  z<s></s>"])

    split = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(LLAMA3), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer = byte_level(split, 380, ignore_merges=True)
    tokenizer.post_processor = processors.Sequence(
        [processors.ByteLevel(), processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 0)])]
    )
    save("llama3", tokenizer)

    tokenizer = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True), 350)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    save("roberta", tokenizer)
    # The same, as two files that stand alone; without a word of the space that is put before texts.
    folder = OUTPUT / "roberta-vocab"
    folder.mkdir(exist_ok=True)
    tokenizer.model.save(str(folder))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    write(folder, cases(tokenizer, TEXTS))


def sentence_pieces() -> None:
    """Llama 2's two forms, a unigram model, and models of sentencepiece itself."""
    space = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=460, special_tokens=["<unk>", "<s>", "</s>"] + bytes_, show_progress=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(split=True)
    tokenizer.train_from_iterator(CORPUS, trainer)
    trained = json.loads(tokenizer.to_str())
    trained["pre_tokenizer"] = None
    trained["added_tokens"] = trained["added_tokens"][:3]
    tokenizer = Tokenizer.from_str(json.dumps(trained))
    tokenizer.decoder = space
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)]
    )
    save("llama2", tokenizer, TEXTS + ["<s>again</s> and"])
    tokenizer.normalizer = None
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    save("llama2-metaspace", tokenizer, TEXTS + ["<s>again</s> and"])

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.train_from_iterator(
        CORPUS, trainers.UnigramTrainer(vocab_size=300, special_tokens=["<unk>", "<s>"], unk_token="<unk>", show_progress=False)
    )
    save("unigram", tokenizer)

    for kind in ["bpe", "unigram"]:
        for fallback in [True, False]:
            made = io.BytesIO()
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(CORPUS), model_writer=made, model_type=kind, vocab_size=480 if fallback else 300,
                byte_fallback=fallback, normalization_rule_name="identity", remove_extra_whitespaces=not fallback,
                user_defined_symbols=["<tool>"] if fallback else [], hard_vocab_limit=False, minloglevel=2, num_threads=1,
                character_coverage=1.0,
            )
            folder = OUTPUT / f"sentencepiece-{kind}{'-bytes' if fallback else ''}"
            folder.mkdir(exist_ok=True)
            (folder / "tokenizer.model").write_bytes(made.getvalue())
            processor = sentencepiece.SentencePieceProcessor(model_proto=made.getvalue())
            texts = TEXTS + (["x<tool>y <tool> z"] if fallback else [])
            expected = []
            for text in texts:
                ids = processor.encode(text, add_bos=True)
                expected.append({"text": text, "ids": ids, "type_ids": [0] * len(ids)})
                if processor.unk_id() not in ids:
                    expected[-1]["decoded"] = processor.decode(ids)
            write(folder, expected)


def check(tokenizer: str, texts: str, output: str) -> None:
    loaded = Tokenizer.from_file(tokenizer)
    loaded.no_truncation()
    loaded.no_padding()
    with open(output, "w") as file:
        for text in Path(texts).read_text().split("\n"):
            ids = loaded.encode(text).ids
            file.write(json.dumps({"text": text, "ids": ids, "decoded": loaded.decode(ids)}) + "\n")


if sys.argv[1:2] == ["check"]:
    check(*sys.argv[2:])
else:
    wordpiece()
    byte_levels()
    sentence_pieces()
