"""Monotonic attention: queries move over the keys from left to right (Raffel et al. 2017, 1704.00784).

A query starts at the key of the query before it. At each key it stops with the probability p = sigmoid(energy), else it goes
to the next key. It may stop at the same key again; it may pass the last key, and then it and all later queries attend to
nothing.

Letters: B batch axes, L queries, S keys.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def monotonic_alignment(
    stops: Float[Tensor, "*B L S"], previous: Float[Tensor, "*B S"] | None = None
) -> Float[Tensor, "*B L S"]:
    """The probability that the scan of query i stops at key j; each row sums to at most 1.

        a_ij = p_ij * sum_{k <= j} a_{i-1,k} * (1 - p_ik) (1 - p_i,k+1) ... (1 - p_i,j-1)

    stops: p, the probability that a scan stops at key j if it comes there. previous: the alignment of the query before the
    first one; by default that query is at key 0.

    >>> monotonic_alignment(torch.full((1, 2, 3), 0.5))
    [[[0.5, 0.25, 0.125], [0.25, 0.25, 0.1875]]]

    The paper divides by products of 1 - p, which vanish. Here `passing` holds these products for every start.
    """
    keys = stops.shape[-1]
    start = _at_the_first_key(stops) if previous is None else previous.to(stops.dtype)
    from_key = torch.ones(keys, keys, dtype=torch.bool, device=stops.device).triu()  # start k before or at key l
    rows = []
    for stop in stops.unbind(-2):
        factors = torch.where(from_key, 1 - stop.unsqueeze(-2), 1.0)  # (*B, S, S): 1 - p_l for l >= k
        passing = torch.cat([torch.ones_like(factors[..., :1]), factors[..., :-1].cumprod(-1)], -1) * from_key
        start = stop * (start.unsqueeze(-2) @ passing).squeeze(-2)
        rows.append(start)
    return torch.stack(rows, -2)


def hard_alignment(
    stops: Float[Tensor, "*B L S"], previous: Float[Tensor, "*B S"] | None = None
) -> Float[Tensor, "*B L S"]:
    """The one scan of decoding: 1 at the first key, from the previous query's on, whose probability is above 1/2.

    A row is 0 where there is none, and so are all rows behind it.
    """
    start, rows = _at_the_first_key(stops) if previous is None else previous.to(stops.dtype), []
    for stop in (stops > 0.5).unbind(-2):
        candidates = stop & (start.cumsum(-1) > 0)
        start = (candidates & (candidates.cumsum(-1) == 1)).to(stops.dtype)
        rows.append(start)
    return torch.stack(rows, -2)


def stop_probabilities(
    energies: Float[Tensor, "*B L S"], allowed: Bool[Tensor, "*#B #L S"] | None = None
) -> Float[Tensor, "*B L S"]:
    """The sigmoid of the energies, 0 at keys that are not allowed, which every scan passes."""
    stops = energies.sigmoid()
    return stops if allowed is None else stops.masked_fill(~allowed, 0.0)


def _at_the_first_key(stops: Float[Tensor, "*B L S"]) -> Float[Tensor, "*B S"]:
    start = torch.zeros_like(stops[..., 0, :])
    start[..., :1] = 1.0
    return start
