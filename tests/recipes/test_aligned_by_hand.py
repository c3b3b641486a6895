"""The sentences of the documentation recipe that were aligned by hand."""

from pathlib import Path

from transduce.workflows.align.alignment_files import pair_batches, read_gold

RECIPE = Path(__file__).parents[2] / "recipes" / "debian-en-de"


def test_every_target_word_has_a_link() -> None:
    pairs = [pair for batch in pair_batches(RECIPE / "aligned.en", RECIPE / "aligned.de") for pair in batch]
    gold = read_gold(RECIPE / "aligned.gold", pairs)
    for (_, target), links in zip(pairs, gold, strict=True):
        assert {place for _, place in links.possible} == set(range(len(target.split())))
