"""The command `transduce`: finds the command that is meant, and prints its errors in one line."""

import difflib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from transduce import __version__
from transduce.cli import streams
from transduce.cli.parser import Parser
from transduce.machine.hardware import is_out_of_memory
from transduce.terminal import messages_on_stderr, print_message

FAILED, INTERRUPTED, PIPE_CLOSED = 2, 130, 141  # the last two as shells count ends by SIGINT and SIGPIPE

COMMANDS = {  # each is a module of its name in transduce.cli, with a function `main` from arguments to exit code
    "init": "write a run file for files of data",
    "prepare": "read, check and tokenize the data of a run file (train does so by itself)",
    "train": "train a model from a run file",
    "search": "try a few settings on short runs, and print which are best",
    "predict": "predict for records of files or lines of standard input, with a model of any task",
    "translate": "translate lines of files, of standard input, or as you type",
    "generate": "continue a text with a language model, token by token",
    "back-translate": "make training pairs of text in the target language alone",
    "evaluate": "measure how good predictions are, and compare systems",
    "align": "print which source word each target word renders",
    "inspect": "look inside a model: attention, alternatives, saliency",
    "set": "print or change how a model decodes unless told otherwise",
    "info": "print what is in a model folder, or what a preset is",
    "attention": "list the attention mechanisms, or explain one by its formula and an example",
    "layer": "list the layers, or explain one by its formula and an example in numbers",
}

SPINS = "2000"  # of a waiting thread before it sleeps: some microseconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. Returns 0, 2 after an error, 130 after Ctrl-C, 141 where nobody reads the output any more.

    ValueError and OSError are the user's to mend and end in one line; with TRANSDUCE_DEBUG=1 they keep their traceback.
    """
    streams.set_up()
    let_waiting_threads_sleep()
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it warns of a home folder that cannot be written
    try:
        with messages_on_stderr():
            code = _run(sys.argv[1:] if arguments is None else arguments)
        streams.flush()
        return code
    except BrokenPipeError:
        streams.forget_output()
        return PIPE_CLOSED
    except KeyboardInterrupt:
        streams.forget_output()
        return INTERRUPTED
    except (ValueError, OSError, MemoryError, RuntimeError) as error:
        text = _message(error)
        if text is None or os.environ.get("TRANSDUCE_DEBUG") == "1":
            raise
        return _failed(text)


def let_waiting_threads_sleep() -> None:
    """Threads of GNU's OpenMP that wait for each other soon give their core away. Call before torch is imported, which reads
    this once.

    By default each waits in a loop that uses a whole core for about a millisecond. Two programs of as many threads as there
    are cores then take the cores from each other's working threads. Measured on two cores, tokens per second of a small
    network, alone and for each of two runs at once: with 300,000 spins, the default, 21,400 alone; with 50,000 17,400 and 450;
    with 2,000 21,000 and 6,300; without any 10,900 alone. A value of the user stays.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


def _failed(text: str) -> int:
    print_message(f"transduce: error: {text}")
    try:
        streams.flush()
    except OSError:
        streams.forget_output()
    return FAILED


def _run(arguments: Sequence[str]) -> int:
    if arguments and arguments[0] in COMMANDS:
        return _command(arguments[0])(arguments[1:])
    parser = _top_parser()
    if not arguments:
        parser.print_help(sys.stderr)
        return FAILED
    if not arguments[0].startswith("-"):
        raise ValueError(_unknown_command(arguments[0]))
    parser.parse(arguments)
    return 0


def _command(name: str) -> Callable[[Sequence[str]], int]:
    module = import_module(f"transduce.cli.{name.replace('-', '_')}")
    command: Callable[[Sequence[str]], int] = module.main
    return command


def _top_parser() -> Parser:
    parser = Parser("transduce", "From files of examples to a Transformer that you can train, read, check and use.")
    parser.usage = "transduce COMMAND ..."
    width = max(map(len, COMMANDS)) + 2
    rows = "".join(f"  {name:{width}}{summary}\n" for name, summary in COMMANDS.items())
    parser.epilog = f"commands:\n{rows}\ntransduce COMMAND --help says more about one of them."
    parser.add_argument("--version", action="version", version=f"transduce {__version__}")
    return parser


def _unknown_command(name: str) -> str:
    near = difflib.get_close_matches(name, COMMANDS, n=1)
    advice = f"did you mean {near[0]}?" if near else f"commands: {', '.join(COMMANDS)}"
    return f"unknown command {name!r}; {advice}"


def _message(error: BaseException) -> str | None:
    """The error in words for people; None for one that is a fault of the program."""
    if is_out_of_memory(error):
        return "memory ran out; a smaller batch, beam or model needs less"
    if isinstance(error, RuntimeError):
        return None
    plain = isinstance(error, OSError) and type(error).__str__ is OSError.__str__
    if plain and isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror
    return str(error)
