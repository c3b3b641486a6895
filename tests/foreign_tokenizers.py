"""Small tokenizer.json files in each style that published models use, built with the `tokenizers` library."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

LINES = [
    "The quick brown fox jumps over the lazy dog. It's 12 o'clock, isn't it?",
    "Der schnelle braune Fuchs springt über den faulen Hund; 2024 war es so weit!",
    "low lower lowest, new newer newest: <s> and </s> are [SEP] and <|endoftext|> elsewhere.",
    "Ελληνικά και кириллица и 日本語, naïve café.",
] * 5
GPT_4 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _flagged(*names: str) -> list[AddedToken]:
    return [AddedToken(name, special=True, normalized=False) for name in names]


def gpt2() -> Tokenizer:
    """Byte-level BPE; one special token, first in the vocabulary."""
    library = Tokenizer(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    library.post_processor = processors.ByteLevel(trim_offsets=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    library.train_from_iterator(
        LINES,
        trainers.BpeTrainer(
            show_progress=False, vocab_size=400, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet
        ),
    )
    return library


def llama3() -> Tokenizer:
    """Byte-level BPE with a regular expression of its own; whole words of the vocabulary skip the merges."""
    library = gpt2()
    model = json.loads(library.to_str())["model"]
    merges = [tuple(pair) for pair in model["merges"]]
    library = Tokenizer(models.BPE(model["vocab"], merges, ignore_merges=True))
    library.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(GPT_4), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    library.decoder = decoders.ByteLevel()
    library.add_special_tokens(_flagged("<|begin_of_text|>", "<|end_of_text|>", "<|reserved_0|>"))
    library.add_tokens([AddedToken("<think>", normalized=False)])
    begin = library.token_to_id("<|begin_of_text|>")
    library.post_processor = processors.TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", begin)]
    )
    return library


def bert() -> Tokenizer:
    """WordPiece in lower case, with settings of a use: cut at 8 tokens and padded."""
    library = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    library.normalizer = normalizers.BertNormalizer()
    library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    library.decoder = decoders.WordPiece()
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    library.train_from_iterator(
        LINES, trainers.WordPieceTrainer(show_progress=False, vocab_size=250, special_tokens=names)
    )
    library.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(name, library.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    )
    library.enable_truncation(8)
    library.enable_padding(length=16)
    return library


def roberta() -> Tokenizer:
    """Byte-level BPE whose post-processor is RobertaProcessing."""
    library = gpt2()
    library.add_special_tokens(_flagged("<s>", "<pad>", "</s>", "<unk>"))
    library.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    pair = [(name, library.token_to_id(name)) for name in ("</s>", "<s>")]
    library.post_processor = processors.RobertaProcessing(*pair, trim_offsets=True, add_prefix_space=False)
    return library


def t5() -> Tokenizer:
    """Unigram; the special tokens stand in the vocabulary with score 0. No start token."""
    library = Tokenizer(models.Unigram())
    library.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    library.pre_tokenizer = pre_tokenizers.Metaspace()
    library.decoder = decoders.Metaspace()
    names = ["<pad>", "</s>", "<unk>", "<extra_id_0>"]
    library.train_from_iterator(
        LINES, trainers.UnigramTrainer(show_progress=False, vocab_size=150, special_tokens=names, unk_token="<unk>")
    )
    library.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", library.token_to_id("</s>"))]
    )
    return library


def llama2() -> Tokenizer:
    """BPE with "▁" for spaces and bytes for what it lacks."""
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁"]
    trained = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    trained.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    trained.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    split = pre_tokenizers.Split("▁", "merged_with_next")
    trained.pre_tokenizer = split
    trained.train_from_iterator(LINES, trainers.BpeTrainer(show_progress=False, vocab_size=500, special_tokens=pieces))
    tree = json.loads(trained.to_str())
    tree["pre_tokenizer"] = None
    tree["added_tokens"] = tree["added_tokens"][:3]
    tree["model"] |= {"byte_fallback": True, "fuse_unk": True, "unk_token": "<unk>"}
    library = Tokenizer.from_str(json.dumps(tree))
    library.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return library


def words() -> Tokenizer:
    """Whole words: nothing but the vocabulary keeps "[SEP]" in a text from being the special token."""
    names = ["[UNK]", "[CLS]", "[SEP]", "[PAD]"]
    vocabulary = dict.fromkeys(names + " ".join(LINES).split())
    numbers = {word: number for number, word in enumerate(vocabulary)}
    library = Tokenizer(models.WordLevel(numbers, unk_token="[UNK]"))
    library.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    library.add_special_tokens(_flagged(*names))
    return library


STYLES: dict[str, Callable[[], Tokenizer]] = {
    "gpt2": gpt2,
    "llama3": llama3,
    "bert": bert,
    "roberta": roberta,
    "t5": t5,
    "llama2": llama2,
    "words": words,
}


def write(style: str, folder: Path) -> Path:
    """The file of a style in a folder."""
    path = folder / f"{style}.json"
    STYLES[style]().save(str(path))
    return path


def rewrite(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The file with a changed tree."""
    tree = json.loads(path.read_text("utf-8"))
    change(tree)
    path.write_text(json.dumps(tree, ensure_ascii=False), encoding="utf-8")
    return path
