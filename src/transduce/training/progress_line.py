"""Progress of a run: a bar on a terminal, else a message every 30 seconds."""

import logging
import math
import sys
import time
from collections.abc import Callable, Mapping

from transduce.terminal import LINE_SECONDS, progress_bar
from transduce.training.state import TrainState
from transduce.training.update import UpdateResult

log = logging.getLogger(__name__)

SMOOTHING = 0.05  # of the running means


class Progress:
    """Loss, perplexity and units per second, running means over about twenty updates; steps and time left. The loss is that
    of validations, of the training batches: without label smoothing.

    unit: the loss is a mean over these: "target tokens", "texts". figures: as in Job; a task may have no perplexity.
    """

    def __init__(self, state: TrainState, unit: str, figures: Callable[[float], Mapping[str, float]]) -> None:
        self.unit, self.figures = unit, figures
        on_terminal = sys.stderr is not None and sys.stderr.isatty()
        self.bar = progress_bar("step", state.total_steps, initial=state.step, hidden=not on_terminal)
        self.loss = self.rate = math.nan
        self.start_time, self.start_step = time.monotonic(), state.step
        self.log_time = self.start_time

    def show(self, state: TrainState, result: UpdateResult, seconds: float) -> None:
        self.loss = _smooth(self.loss, result.loss)
        self.rate = _smooth(self.rate, result.units / seconds)
        perplexity = self.figures(self.loss).get("perplexity")
        ppl = "" if perplexity is None else f"  ppl {perplexity:.2f}"
        figures = f"loss {self.loss:.3f}{ppl}  {self.rate:,.0f} {self.unit.rpartition(' ')[2]}/s"
        self.bar.total = state.total_steps
        self.bar.set_postfix_str(figures, refresh=False)
        self.bar.update(state.step - self.bar.n)
        if self.bar.disable and time.monotonic() - self.log_time > LINE_SECONDS:
            self.log_time = time.monotonic()
            log.info("step %d/%s  %s%s", state.step, state.total_steps or "?", figures, self._time_left(state))

    def close(self) -> None:
        self.bar.close()

    def _time_left(self, state: TrainState) -> str:
        steps = state.step - self.start_step
        if state.total_steps is None or steps == 0:
            return ""
        seconds = (time.monotonic() - self.start_time) / steps * (state.total_steps - state.step)
        return f"  {int(seconds // 60)}:{int(seconds % 60):02d} left"


def _smooth(mean: float, new: float) -> float:
    return new if math.isnan(mean) else mean + SMOOTHING * (new - mean)
