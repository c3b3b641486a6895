"""Diverse beam search (Vijayakumar et al. 2016, 1610.02424): groups of beams, each different from those before it.

Letters: B sentences, G groups, W beams of a group, V vocabulary. At each step the groups choose one after another. A
token that c open beams of earlier groups have just chosen costs c * diversity (Hamming diversity). A beam carries its
costs as long as it is open. They decide which beams grow on; scores leave them out, so that outputs of different groups
compare. A group whose search is done, as in `beam`, has no open beams and costs the others nothing.

No two groups finish the same output: a group drops an output that an earlier one has finished and continues with its next
best. So n-best outputs differ, and there are as many as the groups have beams wherever so many exist.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from transduce.decoding.config import Decoding
from transduce.decoding.hypothesis import Hypothesis
from transduce.decoding.partial_outputs import PartialOutputs, side_by_side
from transduce.decoding.scores import TokenScores, values_of
from transduce.decoding.strategies import beam
from transduce.decoding.strategies.beam import BeamSearch, Candidates, Finished, expand


@dataclass(frozen=True)
class Group:
    """A beam search of its own, and the costs of each of its open beams for the tokens it shares with others."""

    search: BeamSearch
    costs: Float[Tensor, "B W"]

    def advance(
        self,
        next_token: TokenScores,
        coverage: Float[Tensor, "B W"] | None,
        price: Float[Tensor, "B V"],
        earlier: Sequence["Group"],
    ) -> tuple["Group", Int[Tensor, "B W_new"]]:
        """One step, in which each token costs its price. `earlier` groups have taken the same step."""
        before, width = self.search.partial.total, self.search.settings.beam
        with_costs = replace(next_token, scores=next_token.scores - price.unsqueeze(1))
        candidates = expand(before - self.costs, with_costs, (2 + len(earlier)) * width)
        for group in earlier:
            candidates = without(candidates, candidates.after(self.search.partial), group.search.finished)
        candidates = candidates.first(2 * width)
        scores = values_of(next_token.scores, candidates.beams, candidates.tokens)
        # without the costs; empty places stay empty
        total = (before.gather(1, candidates.beams) + scores).where(candidates.total > -torch.inf, -torch.inf)
        search, beams = self.search.take(replace(candidates, total=total), coverage)
        return Group(search, self.costs.gather(1, beams) + price.gather(1, search.partial.last)), beams

    def select(self, rows: Int[Tensor, " R"]) -> "Group":
        return Group(self.search.select(rows), self.costs[rows])

    def join(self, other: "Group") -> "Group":
        return Group(self.search.join(other.search), torch.cat([self.costs, other.costs]))


@dataclass(frozen=True)
class DiverseBeamSearch:
    """G groups side by side; a sentence is unfinished while one of its groups is."""

    settings: Decoding
    groups: tuple[Group, ...]

    @property
    def partial(self) -> PartialOutputs:
        return side_by_side([group.search.partial for group in self.groups])

    @property
    def open_beams(self) -> Bool[Tensor, "B K"]:
        return torch.cat([group.search.open_beams for group in self.groups], dim=1)

    @property
    def unfinished(self) -> Bool[Tensor, " B"]:
        return torch.stack([group.search.unfinished for group in self.groups]).any(0)

    def advance(
        self, next_token: TokenScores, coverage: Float[Tensor, "B K"] | None
    ) -> tuple["DiverseBeamSearch", Int[Tensor, "B K_new"]]:
        width = next_token.log_probs.size(1) // len(self.groups)
        counts = torch.zeros_like(next_token.log_probs[:, 0])  # (B, V): open beams that end in each token
        groups: list[Group] = []
        beams = []
        for number, group in enumerate(self.groups):
            first, last = number * width, (number + 1) * width
            own_coverage = None if coverage is None else coverage[:, first:last]
            price = self.settings.diversity * counts
            group, old = group.advance(next_token.columns(first, last), own_coverage, price, groups)
            counts.scatter_add_(1, group.search.partial.last, group.search.open_beams.to(counts.dtype))
            groups.append(group)
            beams.append(first + old)
        return replace(self, groups=tuple(groups)), torch.cat(beams, dim=1)

    def select(self, rows: Int[Tensor, " R"]) -> "DiverseBeamSearch":
        return replace(self, groups=tuple(group.select(rows) for group in self.groups))

    def join(self, other: "DiverseBeamSearch") -> "DiverseBeamSearch":
        pairs = zip(self.groups, other.groups, strict=True)
        return replace(self, groups=tuple(group.join(more) for group, more in pairs))

    def collect(self) -> dict[int, list[Hypothesis]]:
        by_group = [group.search.collect() for group in self.groups]
        return {
            sentence: fairly([outputs[sentence] for outputs in by_group], self.settings.n_best)
            for sentence in by_group[0]
        }


def without(candidates: Candidates, longer: PartialOutputs, finished: Finished) -> Candidates:
    """The candidates, of which `longer` has the outputs, without those among `finished`: these are last, with total -inf."""
    same = (longer.outputs().unsqueeze(2) == finished.wide(longer.width).tokens.unsqueeze(1)).all(-1)  # (B, C, N)
    new = (finished.lengths == longer.lengths.unsqueeze(1)) & (finished.scores > -torch.inf)  # of this step
    repeats = (same & new.unsqueeze(1)).any(-1)
    order = repeats.int().argsort(dim=-1, stable=True)
    total = candidates.total.masked_fill(repeats, -torch.inf)
    return Candidates(
        *(each.gather(1, order) for each in (candidates.beams, candidates.tokens, candidates.log_probs, total))
    )


def fairly(groups: list[list[Hypothesis]], n_best: int) -> list[Hypothesis]:
    """The best of each group, then the second of each, and so on, without repeats; of these n_best, best score first."""
    ranking = [(rank, -output.score, output) for group in groups for rank, output in enumerate(group)]
    distinct: dict[tuple[int, ...], Hypothesis] = {}
    for _, _, output in sorted(ranking, key=lambda each: each[:2]):
        distinct.setdefault((*output.ids, -1 if output.ended else -2), output)
    return sorted(list(distinct.values())[:n_best], key=lambda output: -output.score)


def begin(partial: PartialOutputs, settings: Decoding, end: int) -> DiverseBeamSearch:
    """One open beam in each group. A group keeps no more finished outputs than it has beams."""
    width = settings.beam // settings.groups
    own = replace(settings, beam=width, n_best=min(width, settings.n_best), groups=1, diversity=0.0)
    group = Group(beam.begin(partial, own, end), torch.zeros_like(partial.total))
    return DiverseBeamSearch(settings, (group,) * settings.groups)
