"""Where the norm stands around a sub-layer: after the sum (the paper) or before the sub-layer (pre-norm)."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

from transduce.layers.dropout import Dropout

Placement = Literal["post", "pre"]
Sublayer = Callable[[Tensor], Tensor]


class PostNorm(nn.Module):
    """norm(x + dropout(sublayer(x))) (Vaswani et al. 2017, section 3.1)."""

    ends_with_norm = True

    def __init__(self, norm: nn.Module, dropout: float) -> None:
        super().__init__()
        self.norm = norm
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, sublayer: Sublayer) -> Tensor:
        normed: Tensor = self.norm(x + self.dropout(sublayer(x)))
        return normed


class PreNorm(nn.Module):
    """x + dropout(sublayer(norm(x))) (Xiong et al. 2020, 2002.04745); the stack needs a norm at its end."""

    ends_with_norm = False

    def __init__(self, norm: nn.Module, dropout: float) -> None:
        super().__init__()
        self.norm = norm
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, sublayer: Sublayer) -> Tensor:
        added: Tensor = x + self.dropout(sublayer(self.norm(x)))
        return added


RESIDUALS: dict[Placement, type[PostNorm] | type[PreNorm]] = {"post": PostNorm, "pre": PreNorm}
