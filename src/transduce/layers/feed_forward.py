"""The position-wise feed-forward network (Vaswani et al. 2017, section 3.3)."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn

from transduce.layers.dropout import Dropout


class FeedForward(nn.Module):
    """activation(x W1 + b1) W2 + b2, from (..., D) to (..., D) through `hidden` features, of which `dropout` drops some."""

    def __init__(self, width: int, hidden: int, activation: Callable[[Tensor], Tensor], dropout: float = 0.0) -> None:
        super().__init__()
        self.inner = nn.Linear(width, hidden)
        self.outer = nn.Linear(hidden, width)
        self.activation = activation
        self.dropout = Dropout(dropout)

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        hidden: Tensor = self.outer(self.dropout(self.activation(self.inner(x))))
        return hidden
