"""Back-translation: text of the target language alone becomes pairs, whose sources a reverse model makes up.

Sennrich et al. 2016, 1511.06709; with a tag, so that the model tells the pairs from real ones: Caswell et al. 2019,
1906.06442; sources drawn instead of searched for, where there are many pairs: Edunov et al. 2018, 1808.09381.
"""

import json
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from transduce import files
from transduce.data.formats.compression import unpacked_name
from transduce.data.formats.lines import facts
from transduce.data.formats.table import FORMATS
from transduce.data.records import counted
from transduce.decoding.config import Decoding
from transduce.files.resumable_output import check_place, resumable_output
from transduce.models.model import Model
from transduce.tasks.outputs import Output, in_order
from transduce.terminal import BREAKS, progress_bar
from transduce.text.tags import SYNTHETIC, names_in
from transduce.workflows.predict.line_batches import Line, full_batches, lines, open_inputs
from transduce.workflows.predict.method import Method

log = logging.getLogger(__name__)

STRANGE = re.compile("[\0\ufffd]")  # what bytes drawn at random spell; no training data may hold the first


@dataclass(frozen=True)
class Synthesis:
    """How pairs are made: how their sources are found, the model's tags for that, and the tags that the pairs get."""

    method: Method
    model_tags: tuple[str, ...] = ()
    tags: tuple[str, ...] = (SYNTHETIC,)


@dataclass
class PairCounts:
    """Counts of the lines so far: how many were read, how many gave a pair, why the others did not."""

    lines: int = 0
    pairs: int = 0
    place: int = 0  # lines with text before, on which random draws depend
    left_out: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        """`2 pairs from 5 lines; left out: 2 blank, 1 with an output that is empty`."""
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.left_out.items())
        return f"{counted(self.pairs, 'pair')} from {counted(self.lines, 'line')}" + (
            f"; left out: {reasons}" if reasons else ""
        )


def back_translate(
    model: Model,
    monolingual: Sequence[Path],
    output: Path,
    synthesis: Synthesis,
    force: bool = False,
) -> PairCounts:
    """Translates every line and writes {"source": translation, "target": line, "tag": ...}, or a TSV file of the same.

    `output` ends in .jsonl, .ndjson or .tsv, with .gz or .zst behind it if it is to be compressed. It appears when all is
    done; what was broken off goes on where it was, with the same outputs. Left out and counted: lines that are blank, no
    text or longer than the model takes; outputs that are empty, cut, or the line itself. ValueErrors name the file.
    """
    write = _writer(output, synthesis.tags)
    _check_inputs(monolingual, output)
    check_place(output, force)
    model.processors.tokenizer("source").tag_ids(
        synthesis.model_tags
    )  # an unknown one is refused before anything is read
    read = [facts(path) for path in monolingual]
    total = sum(each.lines for each in read)
    identity = {
        "model": _digest(model),
        "precision": str(next(model.network.parameters()).dtype),
        "text": [each.sha256 for each in read],
        "decoding": _decoding(synthesis.method.settings),
        "max_source": model.generation.max_source,
        "choice": synthesis.method.least_risk,
        "language": synthesis.method.language,
        "tags": [list(synthesis.model_tags), list(synthesis.tags)],
    }
    with resumable_output(output, identity, anew=force) as file:
        counts = PairCounts(**file.state) if file.state else PairCounts()
        if counts.lines:
            log.info("resuming after line %s of %s", f"{counts.lines:,}", f"{total:,}")
        with progress_bar("line", total, initial=counts.lines) as bar:
            for batch in _after(counts.lines, full_batches(lines(open_inputs(monolingual), "mark"))):
                file.append("".join(map(write, _pairs(model, batch, synthesis, counts))), asdict(counts))
                bar.update(len(batch))
        if counts.pairs == 0:
            file.discard()
            names = ", ".join(map(str, monolingual))
            raise ValueError(
                f"{names}: no pair came of it: {counts}; see what the model makes of some lines by transduce translate"
            )
        file.finish()
    return counts


def _writer(output: Path, tags: Sequence[str]) -> Callable[[tuple[str, str]], str]:
    """What makes a line of the file of a pair (source, target). ValueError for a name with no known ending, and for tags
    that name none.
    """
    if not all(name.strip() for name in tags):
        raise ValueError("--tag names no tag; for pairs without one give --untagged")
    tag = " ".join(names_in(" ".join(tags)))

    def json_line(pair: tuple[str, str]) -> str:
        record = dict(zip(("source", "target"), pair, strict=True)) | ({"tag": tag} if tag else {})
        return json.dumps(record, ensure_ascii=False) + "\n"

    def tsv_line(pair: tuple[str, str]) -> str:
        cells = [BREAKS.sub(" ", text) for text in pair] + (["", tag] if tag else [])
        return "\t".join(cells) + "\n"

    writers = {".jsonl": json_line, ".ndjson": json_line, ".tsv": tsv_line}
    ending = unpacked_name(output).suffix.lower()
    if ending not in writers:
        raise ValueError(
            f"{output}: the output must end in {', '.join(writers)}, with .gz or .zst behind it to be compressed"
        )
    return writers[ending]


def _check_inputs(monolingual: Sequence[Path], output: Path) -> None:
    for path in monolingual:
        if output.exists() and path.exists() and output.samefile(path):
            raise ValueError(f"{output}: is a file to be translated; name another output")
        ending = unpacked_name(path).suffix.lower()
        if ending in FORMATS and ending != ".txt":
            raise ValueError(f"{path}: a {ending} file holds pairs; expected text, one sentence a line")


def _decoding(settings: Decoding) -> dict[str, Any]:
    """All but how many tokens are searched for at a time, which may have to be fewer after a failure."""
    tree: dict[str, Any] = json.loads(json.dumps(asdict(settings)))
    return {key: value for key, value in tree.items() if key != "batch_tokens"}


def _digest(model: Model) -> str:
    """Stands for the model's content."""
    if model.folder is None:
        raise ValueError(f"{model.name}: back-translation is by one model, read from a folder")
    return files.content_digest(model.folder / "manifest.json")[1]


def _after(done: int, batches: Iterator[list[Line]]) -> Iterator[list[Line]]:
    """The lines behind the first `done`, in batches that are cut as ever, so that outputs are those of a single sitting.

    Where reading failed amid a batch, a part of that batch has been done.
    """
    for batch in batches:
        if batch[-1].number > done:
            yield [line for line in batch if line.number > done]


def _pairs(model: Model, batch: Sequence[Line], synthesis: Synthesis, counts: PairCounts) -> list[tuple[str, str]]:
    """The (source, target) that the lines give; `counts` adds up how many lines gave a pair and why the others did not."""
    texts = [line.text for line in batch]
    tags = [synthesis.model_tags] * len(batch) if synthesis.model_tags else None
    outputs = in_order(synthesis.method.outputs(model, texts, tags=tags, first_place=counts.place))
    pairs = []
    for line, (output, *_) in zip(batch, outputs, strict=True):
        flaw = _flaw(line, output)
        if flaw is None:
            pairs.append((output.text, line.text))
        else:
            counts.left_out[flaw] = counts.left_out.get(flaw, 0) + 1
    counts.lines, counts.pairs = batch[-1].number, counts.pairs + len(pairs)
    counts.place += synthesis.method.places(texts)
    return pairs


def _flaw(line: Line, output: Output) -> str | None:
    """Why a line and its translation make no pair."""
    if line.fault:
        return f"with a fault ({line.fault})"
    if not line.text.strip():
        return "blank"
    if output.source_cut:
        return "longer than the model takes"
    if not output.text.strip():
        return "with an output that is empty"
    if STRANGE.search(output.text):
        return "with an output that is no text"
    if not output.ended:
        return "with an output cut at its longest length"
    if output.text.casefold().split() == line.text.casefold().split():
        return "with an output that is the line itself"
    return None
