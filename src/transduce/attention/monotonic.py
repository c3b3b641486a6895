"""Monotonic attention: queries move over the keys from left to right (Raffel et al. 2017, 1704.00784).

A query starts at the key of the query before it. At each key it stops with the chance p = sigmoid(energy), else it goes to the
next key. It may stop at the same key again; it may pass the last key, and then it and all later queries attend to nothing.

Letters: B batch axes, L queries, S keys.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F


def expected_stops(
    energies: Float[Tensor, "*B L S"], previous: Float[Tensor, "*B S"], allowed: Bool[Tensor, "*#B #L S"]
) -> Float[Tensor, "*B L S"]:
    """The chance that each query stops at each key. Rows sum to at most 1; the chances are float32 at least.

        chance_ij = p_ij * sum_{k <= j} chance_{i-1,k} * (1 - p_ik) (1 - p_i,k+1) ... (1 - p_i,j-1)

    `previous` holds the chances of the query before the first one: [1, 0, 0, ...] at the beginning. The products are
    differences of sums of logarithms that are never above 0, so that nothing is divided by a product near 0, as in the
    paper's form.
    """
    wide = energies.to(torch.promote_types(energies.dtype, torch.float32))
    stop = wide.sigmoid().masked_fill(~allowed, 0.0)
    passing = F.logsigmoid(-wide).masked_fill(~allowed, 0.0)  # log(1 - p)
    before = passing.cumsum(-1) - passing  # (*B, L, S): log of the chance to pass all keys before j
    backwards = torch.ones(wide.shape[-1], wide.shape[-1], dtype=torch.bool, device=wide.device).tril(-1)
    chances, rows = previous.to(wide.dtype), []
    for p, log_passed in zip(stop.unbind(-2), before.unbind(-2), strict=True):
        reach = (log_passed.unsqueeze(-2) - log_passed.unsqueeze(-1)).masked_fill(backwards, -torch.inf).exp()
        chances = p * (chances.unsqueeze(-2) @ reach).squeeze(-2)  # reach: (*B, S, S), from key k to key j
        rows.append(chances)
    return torch.stack(rows, -2)


def hard_stops(
    energies: Float[Tensor, "*B L S"], previous: Float[Tensor, "*B S"], allowed: Bool[Tensor, "*#B #L S"]
) -> Float[Tensor, "*B L S"]:
    """One-hot rows: each query stops at the first key from the previous query's on whose p is above 1/2.

    A row is 0 where there is none, and so are all rows behind it.
    """
    stop, rows = (energies > 0) & allowed, []
    for stops in stop.unbind(-2):
        candidates = stops & (previous.cumsum(-1) > 0)
        previous = (candidates & (candidates.cumsum(-1) == 1)).to(energies.dtype)
        rows.append(previous)
    return torch.stack(rows, -2)
