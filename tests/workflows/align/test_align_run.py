"""Word links from attention: by hand, from the maps themselves, and against a language whose right links are known."""

from itertools import chain, islice
from pathlib import Path

import pytest
import torch

import transduce
from babble import babble
from constructed_language import pairs as constructed_pairs
from transduce.evaluation.alignment import error_rate, parse_gold
from transduce.models.ensemble import EnsembleModel
from transduce.models.model import Model
from transduce.networks.probes import attention_maps
from transduce.tasks import translation
from transduce.workflows.align.run import Links, Reading, align, align_batches, links_of
from transduce.workflows.train.run import train
from transduce.workflows.train.run_file import read_run

LINES = ["der Hund und die Katze", "ein großer Hund", "die Katze sieht den Hund", "sieht ein Hund die Katze?"]
PAIRS = [
    ("der Hund", "ein großer Hund"),
    ("die Katze sieht  den Hund", "sieht"),
    (" ", "Hund"),
    ("ein großer Hund sieht", ""),
    ("die 猫 ?", "Katze 🙂 ein"),
]


@pytest.fixture(scope="module")
def model() -> Model:
    return babble(LINES, tags=["de", "formal"])


def test_by_hand() -> None:
    #         <tag> de    r    Hund  </s>
    weights = torch.tensor(
        [
            [0.0, 0.1, 0.5, 0.2, 0.2],  # the
            [0.0, 0.1, 0.1, 0.2, 0.6],  # big: the words get less than the end
            [0.6, 0.0, 0.1, 0.2, 0.1],  # d-: tags do not count
            [0.1, 0.2, 0.1, 0.1, 0.3],  # -og: nor does the end, if the words get as much
        ]
    )
    assert links_of(weights, [None, 0, 0, 1, None], [0, 1, 2, 2]) == ((0, 0), (0, 2), (1, 2))
    assert links_of(weights[:0], [None, 0, 0, 1, None], []) == ()
    assert links_of(weights, [None, 0, 0, 1, None], [0, None, None, 0]) == ((0, 0),)
    assert links_of(weights, [None] * 5, [0, 1, 2, 2]) == ()


@pytest.mark.parametrize("layer", [None, 1, 2])
@pytest.mark.parametrize("shifted", [False, True])
def test_links_are_where_the_attention_is_largest(model: Model, layer: int | None, shifted: bool) -> None:
    source, target = PAIRS[0]
    ids = model.processors.tokenizer("source").encode(source), model.processors.tokenizer("target").encode(target)
    batch = translation.pair_batch([ids[0]], [ids[1]], model.processors)
    maps = attention_maps(model.network, batch.source, batch.lengths, batch.target_in).source[:, 0].mean(1)
    rows = maps.mean(0) if layer is None else maps[layer - 1]
    pieces = [model.processors.tokenizer("source").pieces(ids[0]), model.processors.tokenizer("target").pieces(ids[1])]
    words = [torch.tensor([p.startswith("▁") for p in side]).cumsum(0) - 1 for side in pieces]
    expected = set()
    for t in range(len(ids[1])):
        row = rows[t + shifted, : len(ids[0])]
        if row.sum() >= 0.5:
            expected.add((int(words[0][row.argmax()]), int(words[1][t])))
    assert set(align(model, [PAIRS[0]], reading=Reading(layer, shifted))[0]) == expected


def test_pairs_do_not_depend_on_their_neighbours_and_blank_sides_have_no_links(model: Model) -> None:
    together = align(model, PAIRS)
    assert together == [align(model, [pair])[0] for pair in PAIRS]
    assert together == align(model, PAIRS, batch_tokens=1)
    assert together[2] == together[3] == ()
    for links, (source, target) in zip(together, PAIRS, strict=True):
        assert links == tuple(sorted(set(links)))
        assert all(s < len(source.split()) and t < len(target.split()) for s, t in links)
    assert any(together) and align(model, []) == []


def test_tags_stand_in_no_word(model: Model) -> None:
    tags = [("de",), (), ("formal", "de"), (), ("de",)]
    links = align(model, PAIRS, tags)
    assert links[1] == align(model, [PAIRS[1]])[0]
    assert links[2] == ()
    assert all(s < len(source.split()) for found, (source, _) in zip(links, PAIRS, strict=True) for s, _ in found)
    with pytest.raises(ValueError, match="unknown tag 'fr'"):
        align(model, PAIRS[:1], [("fr",)])


def test_words_beyond_what_the_model_takes_have_no_links() -> None:
    model = babble(LINES, kind="words", tags=["de"], max_source=5)
    source = "Hund Katze Hund ein die ein Hund"
    for tags, most in ((None, 4), ([("de",)], 3)):
        (links,) = align(model, [(source, " ".join(reversed(source.split())))], tags)
        assert links and max(s for s, _ in links) < most


def test_an_ensemble_is_read_as_a_mean(model: Model) -> None:
    other = babble(LINES, tags=["de", "formal"], seed=2)
    assert align(EnsembleModel([model, model]), PAIRS) == align(model, PAIRS)
    both = align(EnsembleModel([model, other]), PAIRS)
    assert both == align(EnsembleModel([other, model]), PAIRS)
    assert both != align(model, PAIRS) and both != align(other, PAIRS)


def test_layers_that_are_not_there(model: Model) -> None:
    for layer in (0, 3, -1):
        with pytest.raises(ValueError, match=f"layer must be 1 to 2, .* found {layer}"):
            align(model, PAIRS, reading=Reading(layer))


def test_batches_give_the_links_of_all_pairs(model: Model) -> None:
    links = [*chain.from_iterable(align_batches(model, [PAIRS[:2], PAIRS[2:]]))]
    assert links == align(model, PAIRS)


RUN = """
seed = 3
data = { train = [{ file = "train.tsv" }], dev = { file = "dev.tsv" } }
tokenizer = { kind = "words", vocabulary = 60, shared = false }
model = { preset = "transformer-tiny", dropout = 0.0 }
decoding = { beam = 1 }

[training]
steps = 400
learning-rate = 2e-3
label-smoothing = 0.1
batch-tokens = 2048
validate-every = 400
precision = "float32"
schedule = { kind = "linear", warmup = 50 }
"""


@pytest.mark.slow
def test_a_trained_model_finds_the_links_of_a_constructed_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under a minute of training. Word k with word k, the baseline, gets two links out of three wrong."""
    monkeypatch.chdir(tmp_path)
    for name, count, seed in (("train", 8000, 1), ("dev", 50, 2)):
        rows = islice(constructed_pairs(seed), count)
        Path(f"{name}.tsv").write_text("".join(f"{each.source}\t{each.target}\n" for each in rows), encoding="utf-8")
    Path("run.toml").write_text(RUN, encoding="utf-8")
    train(read_run(Path("run.toml")))
    model = transduce.load("runs/run", "cpu")
    test = list(islice(constructed_pairs(3), 200))
    gold = [parse_gold(each.gold, "gold") for each in test]

    def error(links: list[Links]) -> float:
        return error_rate(links, [each.sure for each in gold], [each.possible for each in gold]).error_rate

    pairs = [(each.source, each.target) for each in test]
    found = {shifted: error(align(model, pairs, reading=Reading(shifted=shifted))) for shifted in (False, True)}
    lengths = [(len(source.split()), len(target.split())) for source, target in pairs]
    diagonal = error([tuple((t * s // length, t) for t in range(length)) for s, length in lengths])
    assert found[False] < 30 < 60 < diagonal
    assert found[False] < found[True]
