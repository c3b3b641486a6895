"""Standard input and output of a program in a pipe."""

import errno
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BufferedIOBase, TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from transduce import terminal

if TYPE_CHECKING:
    from transduce.workflows.predict.line_batches import Input


def set_up() -> None:
    """Text is UTF-8 with plain line ends whatever the locale; without stderr, messages go nowhere (not to stdout)."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  (open to the end)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")


def write(text: str) -> None:
    """Results, at once; on a terminal with control characters escaped, as they may come from untrusted text.

    OSError where they cannot be written, BrokenPipeError where nobody reads them any more.
    """
    if sys.stdout is None:
        raise OSError(errno.EBADF, "standard output is closed")
    if sys.stdout.isatty():
        text = "\t".join(map(terminal.harmless_lines, text.split("\t")))
    with _named_errors():
        sys.stdout.write(text)
        sys.stdout.flush()


def flush() -> None:
    """What is left in the buffer. Errors as with `write`."""
    with _named_errors():
        if sys.stdout is not None:
            sys.stdout.flush()


@contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OSError(error.errno, f"standard output cannot be written: {error.strerror}") from None


def forget_output() -> None:
    """Drops what could not be written, so that the interpreter does not try it again at exit and complain."""
    terminal.forget(sys.stdout)


def standard_input() -> BufferedIOBase:
    """The bytes of stdin, apart from `sys.stdin`: a thread that waits for them does not hold its lock at exit."""
    if sys.stdin is None:
        raise OSError(errno.EBADF, "standard input is closed; name files instead")
    try:
        return open(sys.stdin.fileno(), "rb", closefd=False)
    except OSError as error:
        raise OSError(error.errno, f"standard input cannot be read: {error.strerror}") from None


def is_file(stream: BufferedIOBase) -> bool:
    """Whether it is a file on a disk, all of which is there already (no pipe, no terminal)."""
    return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)


def is_conversation() -> bool:
    """Whether a person types and reads: stdin and stdout are terminals."""
    return sys.stdin is not None and sys.stdout is not None and sys.stdin.isatty() and sys.stdout.isatty()


def standard_text() -> str:
    """All lines of standard input, without the last line end, by the rules of every text file; "" on a terminal."""
    from transduce.workflows.predict.line_batches import lines

    if sys.stdin is None or sys.stdin.isatty():
        return ""
    return "\n".join(line.text for line in lines(inputs(["-"])))


def inputs(names: Sequence[str]) -> "Iterator[Input]":
    """Opens one after the other, however many there are."""
    from transduce.workflows.predict.line_batches import Input, open_inputs

    for name in names:
        if name == "-":
            with standard_input() as stream:
                yield Input("stdin", stream)
        else:
            yield from open_inputs([Path(name)])


def is_file_name(name: str) -> bool:
    """Whether all of an input is there already."""
    if name != "-":
        return Path(name).is_file()
    with standard_input() as stream:
        return is_file(stream)


def check_readable(name: str) -> None:
    """ValueError or OSError for an input that cannot be read, before anything is written."""
    from transduce.workflows.predict.line_batches import check_readable

    if name == "-":
        standard_input().close()
    else:
        check_readable(Path(name))
