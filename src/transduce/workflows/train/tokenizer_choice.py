"""Characters or subwords, and how many pieces, by the texts of each column."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from transduce.config import Given
from transduce.text.config import BYTES, Kind, TokenizerConfig
from transduce.workflows.train import rules
from transduce.workflows.train.choice import Choice
from transduce.workflows.train.data_facts import DataFacts
from transduce.workflows.train.text_facts import TextFacts

SUBWORDS = ("unigram", "bpe", "wordpiece")


@dataclass(frozen=True)
class TextKind:
    """The kind of tokens that suit the texts of a column, and why. closed: each of the few words is a piece."""

    kind: Kind
    reason: str
    closed: bool = False


def text_kind(facts: TextFacts, longest: int) -> TextKind:
    """By lengths and by how many words are new. `longest`: tokens of a text that is learnt from."""
    length = f"texts of {facts.characters:.0f} characters"
    if facts.words >= 2 and facts.different <= rules.CLOSED and facts.unseen <= rules.CLOSED_NEW and not facts.digits:
        return TextKind("unigram", f"{length} from {facts.different:,} different words: each is a piece", closed=True)
    is_short = _is_short(facts, longest)
    if is_short and facts.words < rules.FEW_WORDS:
        return TextKind("characters", f"{length}, {facts.words:.1f} words each: spelling is what there is to learn")
    if is_short and facts.unseen >= rules.NEW_WORDS:
        return TextKind("characters", f"{length}; {facts.unseen:.0%} of the words of a text occur in no other")
    return TextKind("unigram", f"{length}, {facts.words:.0f} words each")


def _is_short(facts: TextFacts, longest: int) -> bool:
    """Whether the texts are words or phrases, which may well be read letter by letter."""
    return facts.characters <= rules.SHORT and facts.longest <= longest


def text_kinds(facts: DataFacts, longest: int) -> dict[str, TextKind]:
    """The kind for each column. Where one column is spelt, the others are too, if they are short: their letters depend on
    each other's.
    """
    kinds = {name: text_kind(texts, longest) for name, texts in facts.texts.items()}
    speller = next((name for name, each in kinds.items() if each.kind == "characters"), None)
    if speller is not None:
        for name, texts in facts.texts.items():
            if not kinds[name].closed and kinds[name].kind != "characters" and _is_short(texts, longest):
                reason = f"texts of {texts.characters:.0f} characters; their letters go with those of the {speller}"
                kinds[name] = TextKind("characters", reason)
    return kinds


def kinds_are_open(keys: Given, facts: DataFacts) -> bool:
    """Whether the run file leaves the kinds of the tokenizers open: it gives no key that speaks of them."""
    speaking = {"kind", "vocabulary", "file", "shared", *facts.texts}
    return not any(f"tokenizer.{key}" in keys for key in speaking)


def tokenizers(
    facts: DataFacts, tokenizer: TokenizerConfig, keys: Given, longest: int, width: int | None
) -> list[Choice]:
    """Kinds and numbers of pieces, for a network so wide.

    Only subwords have a number to choose. It is not exact, as little text may not support it.
    """
    kinds = text_kinds(facts, longest)
    if kinds_are_open(keys, facts) and any(each.kind != tokenizer.kind or each.closed for each in kinds.values()):
        choices = [*_kinds(facts, kinds, width)]
    else:
        choices = [*_vocabularies(facts, tokenizer, keys, width)]
    if any("vocabulary" in f"{each.key} {each.value}" for each in choices) and "tokenizer.exact" not in keys:
        choices.append(Choice("tokenizer.exact", False, "the nearest number of pieces that the text allows will do"))
    return choices


def counted_kind(facts: DataFacts, tokenizer: TokenizerConfig, keys: Given, longest: int, column: str) -> str:
    """The kind of tokens that a column will have."""
    if kinds_are_open(keys, facts):
        return text_kinds(facts, longest)[column].kind
    return tokenizer.kind if tokenizer.shared else tokenizer.side(column).kind


def _kinds(facts: DataFacts, kinds: Mapping[str, TextKind], width: int | None) -> Iterator[Choice]:
    """One kind for all columns if that suits all, else one for each."""
    first, *others = kinds.values()
    if first.kind == "characters" and all(each.kind == first.kind for each in others):
        yield Choice("tokenizer.kind", first.kind, "; ".join(f"{name}: {each.reason}" for name, each in kinds.items()))
        return
    if others:
        yield Choice("tokenizer.shared", False, "the texts of the columns are of different kinds")
    for name, each in kinds.items():
        if each.kind == "characters":
            yield Choice(f"tokenizer.{name}", {"kind": each.kind}, each.reason)
            continue
        if each.closed:
            size, reason = _closed_pieces(facts.texts[name]), each.reason
        else:
            size, reason = _pieces(2 * facts.records * facts.texts[name].characters, width)
        if others:
            yield Choice(f"tokenizer.{name}", {"kind": each.kind, "vocabulary": size}, reason)
        else:
            yield Choice("tokenizer.vocabulary", size, reason)


def _vocabularies(facts: DataFacts, tokenizer: TokenizerConfig, keys: Given, width: int | None) -> Iterator[Choice]:
    """Numbers of pieces by the amount of text, of tokenizers whose kinds are settled: of both sides, or of each where they
    share nothing. A column without a table of its own gets one, unless tokenizer.vocabulary speaks for it.
    """
    if not facts.texts:  # the task has no text
        return
    if tokenizer.shared:
        if tokenizer.file is None and tokenizer.kind in SUBWORDS and "tokenizer.vocabulary" not in keys:
            sides = 2 if len(facts.texts) == 1 else 1
            total = sum(texts.characters for texts in facts.texts.values())
            size, reason = _pieces(facts.records * total * sides, width)
            yield Choice("tokenizer.vocabulary", size, reason)
        return
    for name, texts in facts.texts.items():
        key, side = f"tokenizer.{name}", tokenizer.side(name)
        if side.file is not None or side.kind not in SUBWORDS or f"{key}.vocabulary" in keys:
            continue
        size, reason = _pieces(2 * facts.records * texts.characters, width)
        if key in keys:
            yield Choice(f"{key}.vocabulary", size, reason)
        elif "tokenizer.vocabulary" not in keys:
            yield Choice(key, {"kind": side.kind, "vocabulary": size}, reason)


def _closed_pieces(facts: TextFacts) -> int:
    """A vocabulary that has every word: bytes and letters, and pieces on the way to the words, need room too."""
    return 2 * BYTES + 2 * facts.different


def _pieces(characters: float, width: int | None) -> tuple[int, str]:
    """A vocabulary for so much text, both sides together, and for a network so wide; and the reason."""
    size = next((size for most, size in rules.VOCABULARIES if characters <= most), rules.LARGEST_VOCABULARY)
    largest = next((pieces for most, pieces in rules.PIECES_BY_WIDTH if width is not None and width <= most), size)
    amount = f"{characters / 1e6:.2g} million" if characters < 1e7 else f"{characters / 1e6:,.0f} million"
    if size > largest:
        return largest, f"as many as suit a network {width} wide; {amount} characters would allow more"
    return size, f"{amount} characters; pieces that occur seldom are not learnt (Gowda and May 2020)"
