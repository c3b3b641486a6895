"""Training speed of transduce, Eole and Joey NMT on the same text with networks of the same shape, taking turns.

python -m benchmarks.training_speed setup     virtual environments for the peers (once; needs pip and a package index)
python -m benchmarks.training_speed run       all runs that the results do not hold yet, then the report
python -m benchmarks.training_speed report    table and plot from the results as they are
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from benchmarks.training_speed import corpus, environments, rounds
from benchmarks.training_speed.data import Data, prepare
from benchmarks.training_speed.folders import own_folder
from benchmarks.training_speed.plot import draw
from benchmarks.training_speed.results import Results, Run, read
from benchmarks.training_speed.running import RunFailed, Runner
from benchmarks.training_speed.settings import BATCH_TOKENS, SIZES
from benchmarks.training_speed.summary import report
from benchmarks.training_speed.systems import SYSTEMS
from transduce.machine import hardware

BENCHMARKS = Path(__file__).parents[1]
NAMED_SETS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8", "asimd", "sve", "bf16")
BUSY = 0.3  # load of the machine from which on speeds mean little


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    options.results = options.results or options.work / "results"
    try:
        if options.command == "setup":
            environments.set_up(options.peers)
        elif options.command == "run":
            run(options)
        else:
            write_report(options.results)
    except (ValueError, OSError, RunFailed) as error:
        print(f"training_speed: error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training_speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=["setup", "run", "report"])
    parser.add_argument("--peers", type=Path, default=BENCHMARKS / ".peers", help="the peers' environments")
    parser.add_argument("--work", type=Path, default=BENCHMARKS / ".work", help="prepared data and the run in hand")
    parser.add_argument("--results", type=Path, help="runs, table and plot (default: results/ in that of --work)")
    parser.add_argument(
        "--pairs", help='a file of pairs, or "made-up" (default: the debian-en-de recipe\'s, if fetched)'
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20.0, help="each run measures at least so long")
    parser.add_argument("--threads", type=int, default=hardware.cores())
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--systems", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS))
    return parser


def run(options: argparse.Namespace) -> None:
    for system in options.systems:
        environments.interpreter(system, options.peers)  # complains before any work is done
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > BUSY:
        print(f"warning: other programs are running (load {load:.1f}); speeds mean little", file=sys.stderr)
    work = own_folder(options.work).absolute()
    text = corpus.find(options.pairs, work)
    data = prepare(text, work)
    results = Results(results_path(options.results), circumstances(options, text, data))
    runner = Runner(work, options.peers.absolute(), data, options.seconds, options.threads)
    failed: list[str] = []

    def said(size: str, system: str, form: str, number: int) -> Run | None:
        name = f"{size}: {SYSTEMS[system].title}, {SYSTEMS[system].forms[form]}"
        print(f"round {number} of {options.rounds}, {name} ...", flush=True)
        try:
            found = runner.run(size, system, form, number)
        except RunFailed as error:
            print(f"    {error}", flush=True)
            failed.append(f"{name}: {error}")
            return None
        speed = f"{found.tokens_per_second:,.0f} target tokens/s"
        print(f"    {speed}, {found.updates} updates in {found.seconds:.0f} s", flush=True)
        return found

    rounds.go(results, options.rounds, options.sizes, options.systems, said, lambda: write_report(options.results))
    print(results_path(options.results).with_suffix(".md").read_text(encoding="utf-8"))
    if failed:
        raise RunFailed("not everything was measured:\n" + "\n".join(failed))


def results_path(folder: Path) -> Path:
    return folder / "training_speed.jsonl"


def circumstances(options: argparse.Namespace, text: corpus.Corpus, data: Data) -> dict[str, object]:
    """What must be the same for runs to be compared."""
    return {
        "torch": metadata.version("torch"),
        "cpu": hardware.cpu_name(),
        "cores": hardware.cores(),
        "instruction-sets": [name for name in NAMED_SETS if name in hardware.instruction_sets()],
        "threads": options.threads,
        "seconds": options.seconds,
        "batch-tokens": BATCH_TOKENS,
        "corpus": {
            "name": text.name,
            "sha256": text.sha256,
            "pairs": data.pairs,
            "source-tokens": data.source_tokens,
            "target-tokens": data.target_tokens,
        },
    }


def write_report(folder: Path) -> None:
    """training_speed.md and training_speed.png beside the results."""
    path = results_path(folder)
    if not path.exists():
        raise ValueError(f"{path}: not found; there is nothing to report before a run")
    found, runs = read(path)
    path.with_suffix(".md").write_text(report(found, runs), encoding="utf-8")
    draw(found, runs, path.with_suffix(".png"))


if __name__ == "__main__":
    sys.exit(main())
