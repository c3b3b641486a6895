"""The loss of a batch."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class TokenLoss:
    """Sums over target tokens: divide by the `tokens` of the whole update, all its micro-batches counted."""

    loss: Float[Tensor, ""]  # smoothed cross-entropy in nats; carries the gradient
    nll: Float[Tensor, ""]  # plain negative log-likelihood in nats; carries none
    tokens: int
