"""Pictures of trained models: which kinds they confuse, and which pixels their decisions rest on.

    python figures.py RUN [RUN ...]

Writes confusion.png, the confusion matrix of the first run on the test pictures, and saliency.png: the first test picture of
each kind, gradient x input of each run's decision and, for a Vision Transformer, the share of each patch in its last state
(attention rollout).
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

import transduce
from transduce.data.picture_column import PixelValues
from transduce.drawing import pictures
from transduce.evaluation.classification import confusion_matrix
from transduce.models.model import Model
from transduce.networks.probes import (
    attention_over_patches,
    attention_rollout,
    picture_attention_maps,
    picture_saliency,
)
from transduce.networks.vit import ViT

HERE = Path(__file__).resolve().parent


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder of a run")
    parser.add_argument(
        "--out", type=Path, default=HERE, metavar="FOLDER", help="where the pictures go (default: here)"
    )
    options = parser.parse_args(arguments)
    try:
        models = {run.name: transduce.load(run) for run in options.runs}
        rows = [json.loads(line) for line in (options.runs[0] / "test.jsonl").read_text(encoding="utf-8").splitlines()]
        pictures.save(confusion(next(iter(models.values())), rows), options.out / "confusion.png")
        pictures.save(saliency(models, first_of_each(rows)), options.out / "saliency.png")
    except (ValueError, OSError) as error:
        print(f"figures.py: error: {error}", file=sys.stderr)
        return 2
    return 0


Row = Mapping[str, str]


def confusion(model: Model, rows: Sequence[Row]) -> Figure:
    """Percent of each kind (a row) that the model calls each kind (a column)."""
    predicted = [prediction.text for prediction in model.predict([row["image"] for row in rows])]
    result = confusion_matrix(predicted, [[row["label"]] for row in rows])
    shares = 100 * result.counts / result.counts.sum(1, keepdims=True).clip(min=1)
    figure = Figure(figsize=(7, 6.4), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues")
    for (right, column), share in np.ndenumerate(shares):
        if share >= 0.1:
            axes.text(column, right, f"{share:.1f}", ha="center", va="center", color="white" if share > 50 else "black")
    axes.set_xticks(range(len(result.classes)), result.classes, rotation=45, ha="right")
    axes.set_yticks(range(len(result.classes)), result.classes)
    axes.set_xlabel("predicted")
    axes.set_ylabel("right")
    axes.set_title(f"{np.diag(result.counts).sum() / result.counts.sum():.2%} of {len(rows):,} pictures are right")
    return figure


def first_of_each(rows: Sequence[Row]) -> list[Row]:
    """The first picture of each label, by label."""
    firsts: dict[str, Row] = {}
    for row in rows:
        firsts.setdefault(row["label"], row)
    return [firsts[label] for label in sorted(firsts)]


def saliency(models: Mapping[str, Model], rows: Sequence[Row]) -> Figure:
    """A row for each kind of explanation, a column for each picture. Red pixels speak for the decision, blue ones against."""
    panels = [panel for name, model in models.items() for panel in explanations(name, model, rows)]
    figure = Figure(figsize=(1.25 * len(rows), 1.35 * (1 + len(panels))), dpi=100, layout="constrained")
    axes = figure.subplots(1 + len(panels), len(rows), squeeze=False)
    pixels = inputs(next(iter(models.values())), rows)[:, 0].numpy()
    for column, row in enumerate(rows):
        axes[0, column].imshow(pixels[column], cmap="gray_r")
        axes[0, column].set_title(row["label"], fontsize=9)
        for place, (name, maps, colours, signed) in enumerate(panels, 1):
            most = float(np.abs(maps[column]).max()) or 1.0
            axes[place, column].imshow(maps[column], cmap=colours, vmin=-most if signed else 0.0, vmax=most)
            if column == 0:
                axes[place, column].set_ylabel(name, fontsize=8)
    for each in axes.flat:
        each.set_xticks([])
        each.set_yticks([])
    return figure


Panel = tuple[
    str, Float[np.ndarray, "B rows columns"], str, bool
]  # name, values, colours, whether the values have a sign


def explanations(name: str, model: Model, rows: Sequence[Row]) -> list[Panel]:
    pixels = inputs(model, rows)
    panels: list[Panel] = [(f"{name}: saliency", picture_saliency(model.network, pixels).numpy(), "RdBu_r", True)]
    if isinstance(model.network, ViT):
        with torch.no_grad():
            maps = picture_attention_maps(model.network, pixels)
        shares = attention_over_patches(model.network, attention_rollout(maps))
        panels.append((f"{name}: attention", shares.numpy(), "Purples", False))
    return panels


def inputs(model: Model, rows: Sequence[Row]) -> Float[Tensor, "B C h w"]:
    """The pixels of the pictures as the model's network reads them."""
    values = model.processors["image"]
    if not isinstance(values, PixelValues):
        raise ValueError(f"expected a model that reads pictures, found one of the task {model.task.name}")
    arrays = [values.pixels(row["image"])[0] for row in rows]
    return torch.from_numpy(values.normalised(np.stack(arrays).astype(np.float32))).permute(0, 3, 1, 2).float()


if __name__ == "__main__":
    sys.exit(main())
