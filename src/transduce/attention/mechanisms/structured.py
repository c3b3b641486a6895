"""Structured attention: weights that are the marginals of a linear chain of yes-no variables.

Letters: B batch axes, L queries, S keys, N places of a chain.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from transduce.attention.mechanisms.mechanism import Attention, Mechanism


def chain_marginals(
    unary: Float[Tensor, "*B N"],
    pairwise: Float[Tensor, "*B N-1 2 2"],
    allowed: Bool[Tensor, "*B N"] | None = None,
) -> Float[Tensor, "*B N"]:
    """P(z_i = 1) for P(z) proportional to exp(sum_i unary_i z_i + sum_i pairwise_i[z_i, z_{i+1}]), z_i in {0, 1}.

    The forward-backward algorithm, in logarithms. A place that is not allowed leaves the chain: its neighbours become
    neighbours, by the pair before the later one, and its own probability is 0.
    """
    scores = torch.stack([torch.zeros_like(unary), unary], -1)  # (*B, N, 2): of z = 0 and z = 1
    if allowed is None:
        allowed = torch.ones_like(unary, dtype=torch.bool)
    scores = scores.masked_fill(~allowed.unsqueeze(-1), 0.0)
    forward, backward = _forward(scores, pairwise, allowed), _backward(scores, pairwise, allowed)
    return (forward + backward).softmax(-1)[..., 1].masked_fill(~allowed, 0.0)


def _forward(scores: Tensor, pairwise: Tensor, allowed: Tensor) -> Float[Tensor, "*B N 2"]:
    """The log sum over the places before i, with the score of i itself."""
    message, begun = scores[..., 0, :], allowed[..., 0, None]
    messages = [message]
    for place in range(1, scores.shape[-2]):
        here, present = scores[..., place, :], allowed[..., place, None]
        after = (message.unsqueeze(-1) + pairwise[..., place - 1, :, :]).logsumexp(-2) + here
        message = torch.where(present, torch.where(begun, after, here), message)
        begun = begun | present
        messages.append(message)
    return torch.stack(messages, -2)


def _backward(scores: Tensor, pairwise: Tensor, allowed: Tensor) -> Float[Tensor, "*B N 2"]:
    """The log sum over the places after i, without the score of i itself."""
    message = torch.zeros_like(scores[..., 0, :])
    messages = [message]
    for place in range(scores.shape[-2] - 1, 0, -1):
        after = (pairwise[..., place - 1, :, :] + (message + scores[..., place, :]).unsqueeze(-2)).logsumexp(-1)
        message = torch.where(allowed[..., place, None], after, message)
        messages.append(message)
    return torch.stack(messages[::-1], -2)


class ChainMarginals(nn.Module):
    """A normaliser: the scores are those of z_j = 1, and one learned table rates each pair of neighbouring keys.

    `pairs` begins with 1 for equal neighbours, which favours runs of keys.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pairs = nn.Parameter(torch.eye(2))

    def forward(self, scores: Float[Tensor, "*B L S"], allowed: Bool[Tensor, "..."] | None) -> Float[Tensor, "*B L S"]:
        pairwise = self.pairs.expand(*scores.shape[:-1], scores.shape[-1] - 1, 2, 2)
        return chain_marginals(scores, pairwise, None if allowed is None else allowed.expand_as(scores))


STRUCTURED = Mechanism(
    name="structured",
    purpose="Selects runs of keys: the weight of a key is its probability in a chain that rates neighbours together.",
    formula="sum_j P(z_j = 1) v_j with P(z) ~ exp(sum_j s_ij z_j + sum_j pairs[z_j, z_{j+1}])",
    paper="Kim et al. 2017, Structured Attention Networks, 1702.00887",
    cost="time and memory L * S, S steps one after the other; 4 parameters",
    kind="own module",
    build=lambda width: Attention(normalise=ChainMarginals()),
    caption="The probability that a word is selected for the word of the row: neighbours help each other.",
    sums_to_one=False,
    note="The linear chain of the paper; its other structure is a dependency tree.",
)
