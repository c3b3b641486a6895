"""Which run comes next: the systems take turns, so that what changes on the machine meanwhile meets all of them."""

from collections.abc import Callable, Iterator, Sequence
from statistics import median

from benchmarks.training_speed.results import Results, Run
from benchmarks.training_speed.systems import SYSTEMS

ALL_FORMS = 2  # rounds in which each system runs in each of its forms; after that only in its fastest
AGREEMENT = 0.01  # numbers of parameters may differ by this share
Turn = tuple[str, str, str]  # size, system, form


def fastest(results: Results, size: str, system: str) -> str | None:
    """The form with the highest median speed so far; None before the first run."""
    speeds = {
        form: median(run.tokens_per_second for run in runs)
        for form in SYSTEMS[system].forms
        if (runs := results.of(size, system, form))
    }
    return max(speeds, key=lambda form: speeds[form], default=None)


def turns(results: Results, number: int, sizes: Sequence[str], systems: Sequence[str]) -> Iterator[Turn]:
    """The runs of one round in their order, those left out that `results` holds already."""
    for size in sizes:
        for system in systems:
            best = fastest(results, size, system)
            forms = list(SYSTEMS[system].forms) if number <= ALL_FORMS else [best] if best else []
            for form in forms:
                if not any(run.round == number for run in results.of(size, system, form)):
                    yield size, system, form


def check_parameters(results: Results, run: Run) -> None:
    """ValueError if the network is not as large as the others' of its size: then the systems do not train the same."""
    for other in results.runs:
        if other.size == run.size and abs(run.parameters / other.parameters - 1) > AGREEMENT:
            raise ValueError(
                f"{run.size}: {run.system} has {run.parameters:,} parameters, {other.system} {other.parameters:,}; they may "
                f"differ by {AGREEMENT:.0%}"
            )


def go(
    results: Results,
    rounds: int,
    sizes: Sequence[str],
    systems: Sequence[str],
    run: Callable[[str, str, str, int], Run | None],
    after_round: Callable[[], None],
) -> None:
    """Makes all runs that are missing; one that gives None has failed and is left out. All that ended is kept."""
    for number in range(1, rounds + 1):
        for size, system, form in turns(results, number, sizes, systems):
            found = run(size, system, form, number)
            if found is not None:
                check_parameters(results, found)
                results.add(found)
        after_round()
