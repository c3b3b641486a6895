"""How to decode: the [decoding] table of a run file."""

import math
from dataclasses import dataclass, replace
from typing import Annotated, TypeVar

from transduce import config
from transduce.config import Fact
from transduce.decoding.strategies.sampling import Sampling

OF_SOURCES = ("max-ratio", "max-extra", "coverage-penalty")  # settings without meaning where a model reads no source

Limits = TypeVar("Limits", bound="Decoding")


@dataclass(frozen=True)
class Decoding:
    """Settings of greedy search, beam search and sampling. Lengths count tokens of the output, the end token included;
    those of a prompt do not count.

    A hypothesis is scored by log-probability / length^alpha. No output is longer than its limit,

        limit = min(max-length, floor(max-ratio * source tokens) + max-extra)

    for each sentence on its own, whatever else is in its batch. An output that reaches the limit without an end token
    counts as finished there. The defaults suffice for outputs in characters of a source in words.
    No output is shorter than min-length, or than its limit where that is less; where no-repeat-ngram leaves no token,
    the output ends nevertheless.
    """

    beam: Annotated[int, "hypotheses kept open per sentence; 1 is greedy search", Fact(at_least=1, at_most=1_000)] = 4
    alpha: Annotated[
        float, "length penalty: the score is log-probability / length^alpha; 0 for none", Fact(at_least=0, at_most=10)
    ] = 1.0
    n_best: Annotated[
        int, "outputs returned per sentence, best first; at most beam", Fact(at_least=1, at_most=1_000_000)
    ] = 1
    max_length: Annotated[
        int, "longest output in tokens, whatever the source", Fact(at_least=1, at_most=100_000, automatic=True)
    ] = 256
    max_ratio: Annotated[
        float, "longest output in tokens per source token, on top of max-extra", Fact(at_least=0, at_most=1_000)
    ] = 5.0
    max_extra: Annotated[
        int, "tokens any output may have, however short its source", Fact(at_least=1, at_most=100_000)
    ] = 50
    batch_tokens: Annotated[
        int, "padded source tokens decoded together, each counted once per beam", Fact(at_least=1, at_most=100_000_000)
    ] = 4096
    sampling: Annotated[Sampling | None, "draw n-best outputs, independently, instead of searching"] = None
    min_length: Annotated[int, "shortest output in tokens; 0 for no such rule", Fact(at_least=0, at_most=100_000)] = 0
    no_repeat_ngram: Annotated[
        int,
        "no sequence of so many tokens occurs twice in an output; 0 for no such rule",
        Fact(at_least=0, at_most=100_000),
    ] = 0
    repetition_penalty: Annotated[
        float,
        "divides the logits of tokens that the output has already (Keskar et al. 2019, 1909.05858); 1 for none",
        Fact(at_least=1, at_most=1_000),
    ] = 1.0
    coverage_penalty: Annotated[
        float,
        "weight of source tokens with little attention from prompt and output (Wu et al. 2016, 1609.08144, eq. 14); 0: none",
        Fact(at_least=0, at_most=1_000),
    ] = 0.0
    groups: Annotated[
        int,
        "groups of the beam, which diversity separates (Vijayakumar et al. 2016, 1610.02424)",
        Fact(at_least=1, at_most=1_000),
    ] = 1
    diversity: Annotated[
        float,
        "cost to a group of each token that an earlier group chooses at the same place",
        Fact(at_least=0, at_most=1_000),
    ] = 0.0

    def __post_init__(self) -> None:
        config.check(self)
        if self.n_best > self.beam and self.sampling is None:
            raise ValueError(
                f"n-best must be at most beam ({self.beam}), found {self.n_best}; raise beam or lower n-best"
            )
        if self.min_length > self.max_length:
            raise ValueError(f"min-length must be at most max-length ({self.max_length}), found {self.min_length}")
        self._check_groups()

    def _check_groups(self) -> None:
        if self.groups == 1 and self.diversity:
            raise ValueError(
                f"diversity must be 0 where there is one group, found {self.diversity}; set groups to 2 or more"
            )
        if self.groups == 1:
            return
        if self.sampling is not None:
            raise ValueError(f"groups must be 1 with sampling, whose draws are independent, found {self.groups}")
        if self.beam % self.groups:
            raise ValueError(f"groups must divide beam ({self.beam}) evenly, found {self.groups}")
        if not self.diversity:
            raise ValueError(
                f"diversity must be above 0 with {self.groups} groups, whose outputs would all be the same; 0.5 is usual"
            )

    def limit(self, source_length: int) -> int:
        """The longest output of a source of `source_length` tokens: `Decoding(max_ratio=2).limit(3) == 56`."""
        return min(self.max_length, math.floor(self.max_ratio * source_length) + self.max_extra)

    def within(self: Limits, longest_target: int | None) -> Limits:
        """The same, without longer outputs than a network can write; None: it has no limit."""
        if longest_target is None or self.max_length <= longest_target:
            return self
        return replace(self, max_length=longest_target, min_length=min(self.min_length, longest_target))

    def greedy(self) -> "Decoding":
        """The same rules and limits for one beam and one output, which costs least; no scores of coverage."""
        return replace(self, beam=1, n_best=1, sampling=None, groups=1, diversity=0.0, coverage_penalty=0.0)


@dataclass(frozen=True)
class Generation(Decoding):
    """The decoding defaults of a model: generation.toml of its folder."""

    max_source: Annotated[
        int, "longest source in tokens; a longer one is cut, with a warning", Fact(at_least=2, at_most=1_000_000)
    ] = 1024

    @classmethod
    def of(cls, decoding: Decoding, max_source: int) -> "Generation":
        return cls(**vars(decoding), max_source=max_source)

    def decoding(self) -> Decoding:
        """Without the limit of sources."""
        return Decoding(**{name: value for name, value in vars(self).items() if name != "max_source"})
