"""`transduce predict`."""

from collections.abc import Sequence
from pathlib import Path

from transduce.cli import streams
from transduce.cli.options import add_columns, add_device, add_flag, add_folder, add_tag, columns, note_tags, opened
from transduce.cli.parser import Parser
from transduce.terminal import would_mix

DESCRIPTION = (
    "Writes the best prediction for each record on a line, in order, with a model of any task: a translation, a label, a "
    "continuation. Records are lines of text, or those of .jsonl, .csv and .tsv files with the columns of the task; the "
    "answer column is not needed. For a model that reads pictures, give the pictures themselves, or folders of them, or lines "
    "with their names; for one that reads series, a table with a row for each time step. translate and generate have more "
    "options for their tasks."
)
EXAMPLES = """\
  transduce predict runs/sections descriptions.txt > sections.txt
  transduce predict runs/sections test.jsonl --json
  transduce predict runs/pets cat.jpg holidays/
  echo "a fast text editor" | transduce predict runs/sections"""


def main(arguments: Sequence[str]) -> int:
    parser = Parser("transduce predict", DESCRIPTION, EXAMPLES)
    add_folder(parser)
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        default=[],
        help="records or lines, or pictures and folders of them; - or nothing: lines of standard input",
    )
    add_flag(parser, "--json", "an object on each line: text, confidence, probabilities, numbers")
    text = (
        "a picture or record that cannot be used, or a line that is no UTF-8 text: stop, or say so and give a blank line, with "
        "--json an error (default: stop); a table that cannot be read always stops"
    )
    parser.add_argument("--bad-lines", choices=["stop", "blank"], default="stop", help=text)
    add_columns(parser, "of .csv and .jsonl files: text=description,tag=language")
    add_tag(parser, "a tag of every record, behind its own")
    add_device(parser)
    options = parser.parse(arguments)

    from transduce.data.picture_column import is_named_as_picture
    from transduce.workflows.predict.run import Source, predict_files

    names, columns_by_name = options.files or ["-"], columns(options)
    no_text = [name for name in names if Path(name).is_dir() or (Path(name).is_file() and is_named_as_picture(name))]
    for name in names:
        if name not in no_text:
            if name != "-" and not Path(name).exists():
                raise ValueError(f"{name}: no such file or folder")
            streams.check_readable(name)
    source = Source(names, streams.inputs, columns_by_name, tuple(options.tag), options.bad_lines)
    lines = list(filter(source.holds_lines, names))
    if columns_by_name and lines:
        raise ValueError(f"--columns is for .csv and .jsonl files, and {lines[0]} has lines of text: leave it out")
    model = opened(options)
    for name in no_text:
        if model.task.columns[model.task.key].values_in(Path(name)) is None:
            streams.check_readable(name)
    if lines == names:  # records may have tags of their own
        note_tags(model, options.tag)
    bar_hidden = would_mix() or not all(map(streams.is_file_name, names))
    predict_files(model, source, streams.write, options.json, bar_hidden)
    return 0
