"""Strict TOML to frozen dataclasses and back; knows no field by name.

    tree = config.override(config.read(path), ["training.steps=10"])      tables of TOML, with their lines
    run = config.build(RunConfig, tree, str(path))                        a frozen value; ValueErrors name file, line, key
    given = config.given(tree)                                            the keys of the file: "training.steps" in given
    run = config.with_values(run, {"model.dropout": 0.3})                 another value, checked in the same way
    config.dumps(config.tree_of(run))                                     TOML again

A config class is a frozen dataclass whose fields are `Annotated[type, "one-line description"]`. A field that takes one
part of an explicit table is `Annotated[PartType, "description", TABLE]`, TABLE mapping names to dataclasses; in TOML it
is the part's name (all its defaults) or a table with `kind` and the part's own keys. Without `kind` the table changes
the default part.

    norm = "layer-norm"                            LayerNorm()
    norm = { kind = "layer-norm", eps = 1e-6 }     LayerNorm(eps=1e-6)

A caller's own parts stand beside those of the tables: `build(..., parts={"mine": Mine})`, `tree_of(run, parts)`.

A mapping whose keys are not known before its file is read is `Annotated[Mapping[str, X], "description", Keys("columns")]`,
or `Rest("columns")` where its keys stand in the field's own table; `build` gets the names. Further facts of a
setting, above all its range, stand beside the description as a `Fact`.

Types: bool, int, float (a whole number will do), str, Path, Literal, X | None, tuple[X, ...], tuple[X, Y], dataclasses,
parts. TOML has no null: None is left out, or written "none" where leaving it out would bring back another default.
Hyphens in TOML, underscores in Python. Every error is a ValueError that names the file and line (or --set) and the dotted key.
"""

from transduce.config.facts import Fact
from transduce.config.fields import NO_PARTS, Keys, Names, Parts, Rest, check
from transduce.config.keys import KeyDescription, describe, fact_of, is_in, keys_where
from transduce.config.parts import with_own
from transduce.config.reading import UnknownPart, build
from transduce.config.toml import assignment, dumps, only, origin, override, read
from transduce.config.values import Given, differences, given, value_at, values_of, with_values
from transduce.config.writing import name_of, tree_of

__all__ = [
    "NO_PARTS",
    "Fact",
    "Given",
    "KeyDescription",
    "Keys",
    "Names",
    "Parts",
    "Rest",
    "UnknownPart",
    "assignment",
    "build",
    "check",
    "describe",
    "differences",
    "dumps",
    "fact_of",
    "given",
    "is_in",
    "keys_where",
    "name_of",
    "only",
    "origin",
    "override",
    "read",
    "tree_of",
    "value_at",
    "values_of",
    "with_own",
    "with_values",
]
