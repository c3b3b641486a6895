"""The position-wise feed-forward network (Vaswani et al. 2017, section 3.3)."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn

from transduce.layers.dropout import Dropout
from transduce.layers.initialise import xavier_linear


class FeedForward(nn.Module):
    """dropout(activation(x W1 + b1)) W2 + b2, from (..., D) to (..., D) through `hidden` features."""

    def __init__(self, width: int, hidden: int, activation: Callable[[Tensor], Tensor], dropout: float = 0.0) -> None:
        super().__init__()
        self.inner = xavier_linear(width, hidden)
        self.outer = xavier_linear(hidden, width)
        self.activation = activation
        self.dropout = Dropout(dropout)

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        output: Tensor = self.outer(self.dropout(self.activation(self.inner(x))))
        return output
