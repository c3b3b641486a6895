"""Diverse beam search (Vijayakumar et al. 2016, 1610.02424): groups of beams, each kept away from those before it.

Letters: B sentences, G groups, W beams of a group, V vocabulary. At each step the groups choose one after another. A
token that c open beams of earlier groups have just taken costs c * diversity (Hamming diversity), which stays with a
beam as long as it is open. It decides what goes on, not how good the outputs are: scores leave it out, so that those
of different groups compare, and the same output has the same score in each. A group whose search is done, as in
`beam`, has no open beams any more and costs the others nothing.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from transduce.decoding.config import Decoding
from transduce.decoding.hypothesis import Hypothesis
from transduce.decoding.partial_outputs import Written, side_by_side
from transduce.decoding.scores import Chances, picked
from transduce.decoding.strategies import beam
from transduce.decoding.strategies.beam import BeamSearch, Candidates, expand


@dataclass(frozen=True)
class Group:
    """A beam search of its own, and what each of its open beams has paid for the tokens it shares with others."""

    search: BeamSearch
    paid: Float[Tensor, "B W"]

    def advance(
        self, chances: Chances, bonus: Float[Tensor, "B W"] | None, price: Float[Tensor, "B V"]
    ) -> tuple["Group", Int[Tensor, "B W_new"]]:
        """One step, in which each token costs its price."""
        before = self.search.written.total
        priced = replace(chances, scored=chances.scored - price.unsqueeze(1))
        found = expand(before - self.paid, priced, 2 * self.search.settings.beam)
        total = before.gather(1, found.beams) + picked(chances.scored, found.beams, found.last)
        search, beams = self.search.take(Candidates(found.beams, found.last, found.gains, total), bonus)
        paid = self.paid.gather(1, beams) + price.gather(1, search.written.tokens[..., -1])
        return Group(search, paid), beams

    def select(self, rows: Int[Tensor, " R"]) -> "Group":
        return Group(self.search.select(rows), self.paid[rows])


@dataclass(frozen=True)
class DiverseBeamSearch:
    """G groups side by side; a sentence goes on while one of its groups does."""

    settings: Decoding
    groups: tuple[Group, ...]

    @property
    def written(self) -> Written:
        return side_by_side([group.search.written for group in self.groups])

    @property
    def alive(self) -> Bool[Tensor, "B K"]:
        return torch.cat([group.search.alive for group in self.groups], dim=1)

    @property
    def going(self) -> Bool[Tensor, " B"]:
        return torch.stack([group.search.going for group in self.groups]).any(0)

    def advance(
        self, chances: Chances, bonus: Float[Tensor, "B K"] | None
    ) -> tuple["DiverseBeamSearch", Int[Tensor, "B K_new"]]:
        width = chances.own.size(1) // len(self.groups)
        taken = torch.zeros_like(chances.own[:, 0])  # (B, V): open beams that end in each token
        groups, beams = [], []
        for first, group in zip(range(0, chances.own.size(1), width), self.groups, strict=True):
            part = None if bonus is None else bonus[:, first : first + width]
            group, chosen = group.advance(chances.columns(first, first + width), part, self.settings.diversity * taken)
            written = group.search.written
            taken.scatter_add_(1, written.tokens[..., -1], group.search.alive.to(taken.dtype))
            groups.append(group)
            beams.append(first + chosen)
        return replace(self, groups=tuple(groups)), torch.cat(beams, dim=1)

    def select(self, rows: Int[Tensor, " R"]) -> "DiverseBeamSearch":
        return replace(self, groups=tuple(group.select(rows) for group in self.groups))

    def collect(self) -> dict[int, list[Hypothesis]]:
        each = [group.search.collect() for group in self.groups]
        return {sentence: fairly([found[sentence] for found in each], self.settings.n_best) for sentence in each[0]}


def fairly(groups: list[list[Hypothesis]], n_best: int) -> list[Hypothesis]:
    """The best of each group, then the second of each, and so on, without repeats; of these n_best, best score first."""
    ranked = [(rank, -found.score, found) for group in groups for rank, found in enumerate(group)]
    distinct: dict[tuple[int, ...], Hypothesis] = {}
    for _, _, found in sorted(ranked, key=lambda each: each[:2]):
        distinct.setdefault((*found.ids, -1 if found.ended else -2), found)
    return sorted(list(distinct.values())[:n_best], key=lambda found: -found.score)


def begin(written: Written, settings: Decoding, end: int) -> DiverseBeamSearch:
    """`written` holds one beam for each group. A group keeps no more finished outputs than it has beams."""
    width = settings.beam // settings.groups
    own = replace(settings, beam=width, n_best=min(width, settings.n_best), groups=1, diversity=0.0)
    groups = []
    for number in range(settings.groups):
        column = slice(number, number + 1)
        part = replace(
            written,
            tokens=written.tokens[:, column],
            gains=written.gains[:, column],
            total=written.total[:, column],
        )
        groups.append(Group(beam.begin(part, own, end), torch.zeros_like(part.total)))
    return DiverseBeamSearch(settings, tuple(groups))
