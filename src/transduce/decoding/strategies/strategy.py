"""Strategies, and the one for given settings.

A strategy is a file with a `Search` class, a function that begins it, and a row in `begin`.

Letters: B sentences, K outputs side by side, R sentences.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar, runtime_checkable

from jaxtyping import Bool, Float, Int
from torch import Tensor

from transduce.decoding.config import Decoding
from transduce.decoding.hypothesis import Hypothesis
from transduce.decoding.partial_outputs import PartialOutputs
from transduce.decoding.scores import TokenScores
from transduce.decoding.strategies import beam, diverse, greedy, sampling

Same = TypeVar("Same", bound="Search")


@runtime_checkable
class Search(Protocol):
    """The state of a search for B sentences. It sees outputs only: their length and score leave out the prompt."""

    @property
    def partial(self) -> PartialOutputs:
        """The outputs so far."""
        ...

    @property
    def open_beams(self) -> Bool[Tensor, "B K"]:
        """Which outputs may still grow."""
        ...

    @property
    def unfinished(self) -> Bool[Tensor, " B"]:
        """Which sentences are not done."""
        ...

    def advance(
        self, next_token: TokenScores, coverage: Float[Tensor, "B K"] | None
    ) -> tuple["Search", Int[Tensor, "B K_new"] | None]:
        """Every output one token longer, and which old output each continues (None: each itself).

        `coverage` is the penalty that an output which ends now adds to its score. After the first call K stays the same.
        """
        ...

    def select(self, rows: Int[Tensor, " R"]) -> "Search":
        """Keeps only the sentences `rows`."""
        ...

    def join(self: Same, other: Same) -> Same:
        """The sentences of both, which have the same settings and the same K."""
        ...

    def collect(self) -> dict[int, list[Hypothesis]]:
        """The outputs of each sentence, under its number. Rows of one number are outputs of the same request."""
        ...


def begin(settings: Decoding, partial: PartialOutputs, places: Sequence[int], end: int) -> Search:
    """The search for these settings. `partial` has one empty output of each request; `places` are theirs.

    A strategy may begin with equally many rows or columns for each request, all of them empty outputs.
    """
    if settings.sampling is not None:
        return sampling.begin(partial, settings.sampling, settings.n_best, places, settings.alpha, end)
    if settings.groups > 1:
        return diverse.begin(partial, settings, end)
    if settings.beam == 1:
        return greedy.begin(partial, settings.alpha, end)
    return beam.begin(partial, settings, end)
