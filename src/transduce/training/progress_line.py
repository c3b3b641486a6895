"""Progress of a run: a bar on a terminal, else a message every 30 seconds."""

import logging
import math
import sys
import time

from transduce.terminal import LINE_SECONDS, progress_bar
from transduce.training.state import TrainState
from transduce.training.update import Measured

log = logging.getLogger(__name__)

SMOOTHING = 0.05  # of the running means shown


class Progress:
    """Loss, perplexity of tokens and units per second, smoothed over about twenty updates; steps and time left.

    unit: what the loss is a mean over: "target tokens", "texts".
    """

    def __init__(self, state: TrainState, unit: str) -> None:
        self.unit = unit
        on_terminal = sys.stderr is not None and sys.stderr.isatty()
        self.bar = progress_bar("step", state.total_steps, initial=state.step, hidden=not on_terminal)
        self.loss = self.nll = self.rate = math.nan
        self.began, self.first = time.monotonic(), state.step
        self.logged = self.began

    def show(self, state: TrainState, measured: Measured, seconds: float) -> None:
        self.loss = _mixed(self.loss, measured.loss)
        self.nll = _mixed(self.nll, measured.nll)
        self.rate = _mixed(self.rate, measured.tokens / seconds)
        perplexity = f"  ppl {math.exp(min(self.nll, 99.0)):.2f}" if self.unit.endswith("tokens") else ""
        figures = f"loss {self.loss:.3f}{perplexity}  {self.rate:,.0f} {self.unit.rpartition(' ')[2]}/s"
        self.bar.total = state.total_steps
        self.bar.set_postfix_str(figures, refresh=False)
        self.bar.update(state.step - self.bar.n)
        if self.bar.disable and time.monotonic() - self.logged > LINE_SECONDS:
            self.logged = time.monotonic()
            log.info("step %d/%s  %s%s", state.step, state.total_steps or "?", figures, self._left(state))

    def close(self) -> None:
        self.bar.close()

    def _left(self, state: TrainState) -> str:
        done = state.step - self.first
        if state.total_steps is None or done == 0:
            return ""
        seconds = (time.monotonic() - self.began) / done * (state.total_steps - state.step)
        return f"  {int(seconds // 60)}:{int(seconds % 60):02d} left"


def _mixed(mean: float, new: float) -> float:
    return new if math.isnan(mean) else mean + SMOOTHING * (new - mean)
