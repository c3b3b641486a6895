"""The minutes of a run whose owner gives no budget."""

from collections.abc import Callable, Iterator

from transduce.config import Given
from transduce.workflows.train import rules
from transduce.workflows.train.choice import Choice
from transduce.workflows.train.compute import Compute, Effort
from transduce.workflows.train.run_file import BUDGETS

KEY = "training.minutes"


def minutes(keys: Given, compute: Compute, effort_for: Callable[[Compute], Effort | None]) -> Iterator[Choice]:
    """The fewest after which more help little. `effort_for`: that of the network which a run of so many minutes has."""
    if keys.any(BUDGETS):
        return
    for count in rules.MINUTES:
        effort = effort_for(compute.with_minutes(count))
        if effort is not None and effort.passes >= rules.ENOUGH_PASSES:
            yield Choice(KEY, count, f"{effort.in_words} over the data on this machine; more would help little")
            return
    more = "the longest that is chosen without a request; --minutes gives another, and more would still help"
    yield Choice(KEY, rules.MINUTES[-1], more)
