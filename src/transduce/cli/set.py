"""`transduce set`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from transduce.cli import streams
from transduce.cli.options import add_folder
from transduce.cli.parser import Parser

if TYPE_CHECKING:
    from transduce.workflows.set.run import Setting


def main(arguments: Sequence[str]) -> int:
    parser = Parser(
        "transduce set",
        "Prints how a model decodes unless told otherwise, each setting with its meaning; or changes settings, for every later "
        "use of the model. They are in generation.toml of the model folder, which may be edited by hand too.",
        "  transduce set runs/pronounce-en\n"
        "  transduce set runs/pronounce-en beam=8 alpha=0.8\n"
        "  transduce set runs/plays sampling.top-p=0.9 sampling.temperature=0.8\n"
        "  transduce set runs/plays sampling=none",
    )
    add_folder(parser)
    text = "a setting and its new value, such as beam=8; without any, all settings are printed"
    parser.add_argument("assignments", metavar="KEY=VALUE", nargs="*", help=text)
    options = parser.parse(arguments)

    from transduce.workflows.set.run import change_settings, settings

    if options.assignments:
        keys = [each.partition("=")[0].strip() for each in options.assignments]
        changed = change_settings(options.model, options.assignments)
        streams.write("".join(_line(each) for each in changed if _concerns(each, keys)))
    else:
        streams.write("".join(map(_entry, settings(options.model))))
    return 0


def _concerns(setting: "Setting", keys: Sequence[str]) -> bool:
    return bool(setting.value) and any(f"{setting.key}.".startswith(f"{key}.") for key in keys)


def _line(setting: "Setting") -> str:
    return f"{setting.key} = {setting.value}\n"


def _entry(setting: "Setting") -> str:
    """The setting, its meaning, and what it accepts."""
    line = _line(setting) if setting.value else f"{setting.key}\n"
    return f"{line}    {setting.text}\n    {setting.accepts}; default: {setting.default}\n"
