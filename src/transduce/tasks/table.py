"""The tasks by name."""

from transduce.tasks.translation import Translation

TASKS: dict[str, type[Translation]] = {"translation": Translation}
