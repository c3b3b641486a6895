"""`transduce info`."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from transduce.cli import streams
from transduce.cli.parser import Parser
from transduce.cli.tables import read_table
from transduce.terminal import table

if TYPE_CHECKING:
    from transduce.workflows.info.run import ModelInfo, PresetInfo


def main(arguments: Sequence[str]) -> int:
    parser = Parser(
        "transduce info",
        "Checks a model folder against its manifest and says what is in it; or says what a preset would build.",
        "  transduce info runs/pronounce-en\n  transduce info transformer-base --vocabulary 8000",
    )
    parser.add_argument("name", metavar="MODEL|PRESET", help="model folder, run folder (runs/NAME) or name of a preset")
    text = "of a preset: pieces, shared by both sides of an encoder-decoder (default: 37000, the paper's)"
    parser.add_argument("--vocabulary", metavar="N", type=int, help=text)
    options = parser.parse(arguments)
    if options.vocabulary is None and not Path(options.name).exists():
        presets = read_table("presets")  # without PyTorch, which takes seconds to load
        if options.name in presets:
            streams.write(presets[options.name])
            return 0

    from transduce.workflows.info.run import PAPER_VOCABULARY, ModelInfo, info

    vocabulary = PAPER_VOCABULARY if options.vocabulary is None else options.vocabulary
    description = info(options.name, vocabulary)
    if not isinstance(description, ModelInfo):
        streams.write(preset_text(description))
        return 0
    if options.vocabulary is not None:
        raise ValueError(f"--vocabulary is of a preset, and {options.name} is a model, which has its own")
    streams.write(_model(description))
    return 0


def preset_text(descriptions: Iterable["PresetInfo"]) -> str:
    """A preset in each kind of network that has one of its name."""
    return "\n".join(map(_preset, descriptions))


def _preset(description: "PresetInfo") -> str:
    return (
        f"preset {description.name}, {description.kind}\n{description.text}\n"
        + _section("network", description.network.items())
        + _section("built for", description.sizes.items())
        + _section("parameters", description.parameters.rows)
    )


def _model(description: "ModelInfo") -> str:
    tags = [("tags", description.tags)] if description.tags else []
    card = [("card", description.folder / "README.md")] if "README.md" in description.files else []
    return (
        f"model {description.folder}\n"
        + _section("what", [("task", description.task), ("architecture", description.architecture)])
        + _section("network", description.network.items())
        + _section("parameters", description.parameters.rows)
        + _section("vocabularies", [*description.processors.items(), *tags])
        + _generation(description)
        + _section("files", [(name, f"{size:,} bytes") for name, size in description.files.items()])
        + _section("checks", [("manifest", "every file matches it"), *card])
    )


def _generation(description: "ModelInfo") -> str:
    """The settings that are not the defaults; the other ones are many, and `transduce set` prints them."""
    if not description.generation:
        return ""
    rows = description.own_generation.items()
    return _section("generation", [*rows, ("the defaults otherwise", "transduce set MODEL lists all")])


def _section(title: str, rows: Iterable[tuple[str, object]]) -> str:
    cells = [("", name, str(value)) for name, value in rows]
    return f"\n{title}\n{table(cells)}" if cells else ""
