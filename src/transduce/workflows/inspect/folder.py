"""An inspection as a folder: pictures, a page that shows them beside tables in any script, and everything as JSON."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from transduce.data.records import counted
from transduce.drawing import alternatives
from transduce.drawing.attention import Side, head_maps, token_map
from transduce.drawing.pictures import save
from transduce.files import replace_folder
from transduce.terminal import progress_bar
from transduce.workflows.inspect.page import page
from transduce.workflows.inspect.run import Choice, Inspection
from transduce.workflows.inspect.tables import shares

FORMAT = 1
JSON, PAGE = "inspection.json", "index.html"
PICTURES = re.compile(r"(alternatives|saliency|(source|encoder|decoder)(-layer-[0-9]+(-heads)?)?)\.png")
DECIMALS = 6


@dataclass(frozen=True)
class Picture:
    """A picture's file name, what it shows, and how it is drawn."""

    name: str
    title: str
    draw: Callable[..., Figure]  # given its `title`


def write_inspection(folder: Path, inspection: Inspection) -> None:
    """Makes the folder, or replaces one that an inspection made.

        index.html                     the page
        inspection.json                everything, in figures
        alternatives.png, saliency.png
        source.png                     attention over the source, mean of all layers and heads
        source-layer-2.png             of one layer, mean of its heads
        source-layer-2-heads.png       each of its heads
        encoder..., decoder...         the same of attention within the source, and within the output

    ValueError, before anything is drawn, for a folder that holds something else.
    """
    check_folder(folder)
    every = [*pictures(inspection)]
    with replace_folder(folder) as new, progress_bar("picture", len(every)) as bar:
        for picture in bar.counted(every):
            save(picture.draw(title=picture.title), new / picture.name)
        (new / JSON).write_text(json.dumps(as_tree(inspection), ensure_ascii=False), encoding="utf-8")
        (new / PAGE).write_text(
            page(inspection, [(picture.name, picture.title) for picture in every]), encoding="utf-8"
        )


def check_folder(folder: Path) -> None:
    """ValueError unless there is nothing yet, an empty folder, or one that holds an inspection and nothing else."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ValueError(f"{folder}: is a file, expected a folder or nothing")
    names = [each.name for each in folder.iterdir()]
    strange = [name for name in names if name not in (JSON, PAGE) and not PICTURES.fullmatch(name)]
    if names and (strange or JSON not in names):
        what = strange[0] if strange else names[0]
        raise ValueError(f"{folder}: holds {what}, which is of no inspection and would be lost; name another folder")


def pictures(inspection: Inspection) -> Iterator[Picture]:
    """All pictures, not drawn yet."""
    source = Side("source token", inspection.source_pieces)
    read = Side("token read", inspection.input_pieces)
    output = Side("output token", [step.token.piece for step in inspection.steps])
    yield Picture("alternatives.png", "The most probable tokens at each step", partial(_alternatives, inspection))
    yield Picture(
        "saliency.png",
        "What each output token depends on: gradient x input",
        partial(token_map, shares(inspection.saliency), output, source, unit="share of the row"),
    )
    yield from _maps("source", "Attention over the source", inspection.attention, output, source)
    yield from _maps("encoder", "Attention within the source", inspection.encoder, source, source)
    yield from _maps("decoder", "Attention within the output", inspection.decoder, read, read)


def _maps(kind: str, what: str, values: np.ndarray, rows: Side, columns: Side) -> Iterator[Picture]:
    """The mean of all layers, then of each layer the mean of its heads and all its heads."""
    layers, heads = values.shape[:2]

    def mean(of: np.ndarray) -> Callable[..., Figure]:
        return partial(token_map, of, rows, columns, unit="weight")

    yield Picture(f"{kind}.png", f"{what}, mean of all layers and heads", mean(values.mean((0, 1))))
    for number, layer in enumerate(values, 1):
        name, which = f"{kind}-layer-{number}", f"{what}, layer {number} of {layers}"
        yield Picture(f"{name}.png", f"{which}, mean of {counted(heads, 'head')}", mean(layer.mean(0)))
        yield Picture(
            f"{name}-heads.png", f"{which}, each head", partial(head_maps, layer, rows, columns, unit="weight")
        )


def _alternatives(inspection: Inspection, title: str) -> Figure:
    def cell(choice: Choice) -> alternatives.Choice:
        return alternatives.Choice(choice.piece, choice.id, choice.probability)

    rows = [alternatives.Row([*map(cell, step.choices)], cell(step.token), step.rank) for step in inspection.steps]
    return alternatives.alternatives(rows, title)


def as_tree(inspection: Inspection) -> dict[str, Any]:
    """Everything, as JSON has it: weights as nested lists by layer, head, row and column, in six decimals."""
    return {
        "format": FORMAT,
        "model": inspection.model,
        "text": inspection.text,
        "tags": list(inspection.tags),
        "output": inspection.output,
        "output_given": inspection.from_caller,
        "output_ended": inspection.ended,
        "source_cut": inspection.cut,
        "log_probability": inspection.log_probability,
        "source_pieces": list(inspection.source_pieces),
        "input_pieces": list(inspection.input_pieces),
        "steps": [
            {**asdict(step.token), "rank": step.rank, "alternatives": [asdict(choice) for choice in step.choices]}
            for step in inspection.steps
        ],
        "attention": {
            "encoder": _numbers(inspection.encoder),
            "decoder": _numbers(inspection.decoder),
            "source": _numbers(inspection.attention),
        },
        "saliency": _numbers(inspection.saliency),
    }


def _numbers(values: np.ndarray) -> Any:
    return values.astype(np.float64).round(DECIMALS).tolist()
