"""What a person sees while a run goes on: a bar on a terminal, a line now and then in a log."""

import math
import sys
import time
from contextlib import suppress

from tqdm import tqdm

from transduce.terminal import LINE_SECONDS
from transduce.training.state import TrainState
from transduce.training.update import Measured

SMOOTHING = 0.05  # of the running means shown


def say(text: str) -> None:
    """A line that does not disturb a bar. The run goes on where nobody can read it any more."""
    with suppress(OSError):
        tqdm.write(text, file=sys.stderr)
        sys.stderr.flush()


class Progress:
    """Loss, perplexity and target tokens per second, smoothed over about twenty updates; steps and time left."""

    def __init__(self, state: TrainState) -> None:
        self.terminal = sys.stderr.isatty()
        self.bar = tqdm(
            total=state.total_steps, initial=state.step, unit="step", disable=not self.terminal, dynamic_ncols=True
        )
        self.loss = self.nll = self.rate = math.nan
        self.began, self.first = time.monotonic(), state.step
        self.said = self.began

    def show(self, state: TrainState, measured: Measured, seconds: float) -> None:
        self.loss = _mixed(self.loss, measured.loss)
        self.nll = _mixed(self.nll, measured.nll)
        self.rate = _mixed(self.rate, measured.tokens / seconds)
        figures = f"loss {self.loss:.3f}  ppl {math.exp(min(self.nll, 99.0)):.2f}  {self.rate:,.0f} tokens/s"
        self.bar.total = state.total_steps
        self.bar.set_postfix_str(figures, refresh=False)
        self.bar.update(state.step - self.bar.n)
        if not self.terminal and time.monotonic() - self.said > LINE_SECONDS:
            self.said = time.monotonic()
            self.say(f"step {state.step}/{state.total_steps or '?'}  {figures}{self._left(state)}")

    def say(self, text: str) -> None:
        say(text)

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
