"""`transduce info`."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from transduce.cli import streams
from transduce.cli.parser import Parser
from transduce.terminal import table

if TYPE_CHECKING:
    from transduce.workflows.info.run import ModelInfo, Parameters, PresetInfo


Rows = list[tuple[str, object]]


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

    from transduce.workflows.info.run import PAPER_VOCABULARY, ModelInfo, info

    vocabulary = PAPER_VOCABULARY if options.vocabulary is None else options.vocabulary
    description = info(options.name, vocabulary)
    if not isinstance(description, ModelInfo):
        streams.write("\n".join(map(_preset, description)))
        return 0
    if options.vocabulary is not None:
        raise ValueError(f"--vocabulary is of a preset, and {options.name} is a model, which has its own")
    streams.write(_model(description))
    return 0


def _preset(description: "PresetInfo") -> str:
    head = f"preset {description.name}, {description.kind}\n{description.text}\n"
    shared: Rows = [("tokenizer", f"{description.vocabulary:,} pieces")]
    return (
        head
        + _section("network", description.network.items())
        + _section("vocabulary", shared)
        + _parameters(description.parameters)
    )


def _model(description: "ModelInfo") -> str:
    head = f"model {description.folder}\n"
    what: Rows = [("task", description.task), ("architecture", description.architecture)]
    processors: Rows = [(each.columns, f"{each.kind}, {each.size:,} pieces") for each in description.processors]
    if description.tags:
        processors.append(("tags", description.tags))
    sizes: Rows = [(name, f"{size:,} bytes") for name, size in description.files.items()]
    manifest: Rows = [("manifest", "every file matches it")]
    if "README.md" in description.files:
        manifest.append(("card", description.folder / "README.md"))
    return (
        head
        + _section("what", what)
        + _section("network", description.network.items())
        + _parameters(description.parameters)
        + _section("vocabularies", processors)
        + _section("generation", description.generation.items())
        + _section("files", sizes)
        + _section("checks", manifest)
    )


def _parameters(description: "Parameters") -> str:
    rows: Rows = [(name, f"{count:,}") for name, count in (*description.parts.items(), ("in all", description.total))]
    return _section("parameters", rows)


def _section(title: str, rows: Iterable[tuple[str, object]]) -> str:
    cells = [("", name, str(value)) for name, value in rows]
    return f"\n{title}\n{table(cells)}" if cells else ""
