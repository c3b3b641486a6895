"""How figures of an evaluation are written, for people, in text and on pages."""

import string

from transduce.data.records import counted
from transduce.evaluation.significance import RESAMPLES, SEED, TRIALS, Interval
from transduce.workflows.evaluate.test_set import HeldOut

NOTHING = "\u2013"


def draws() -> dict[str, int]:
    """What p-values and intervals depend on beside the texts."""
    return {"resamples": RESAMPLES, "trials": TRIALS, "seed": SEED}


def letter(place: int) -> str:
    """What a system is called beside others: A, B, ... Z, then A1, B1, ..."""
    turn, place = divmod(place, len(string.ascii_uppercase))
    return string.ascii_uppercase[place] + (str(turn) if turn else "")


def scored_units(held_out: HeldOut, units: int) -> str:
    """What a figure of a model is of: "2,000 target tokens, first references", or "2,000 tokens" without references."""
    return counted(units, "token") if held_out.task.answer is None else f"{units:,} target tokens, first references"


def figure(value: float | None) -> str:
    """Two places; a dash where there is no value."""
    return NOTHING if value is None else f"{value:.2f}"


def spread(interval: Interval | None) -> str:
    """Both ends of an interval."""
    return NOTHING if interval is None else f"{interval.low:.2f} to {interval.high:.2f}"


def percent(share: float) -> str:
    """Of a share from 0 to 1."""
    return f"{100 * share:.1f} %"


def p_value(p: float) -> str:
    """Three places, and no more than the number of draws supports."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
