"""R-Drop (Liang et al. 2021, 2106.14448): two passes with different dropout must agree."""

from jaxtyping import Float, Int
from torch import Tensor

from transduce.networks.heads import VocabularyHead
from transduce.training.losses import TokenLoss


def consistent_cross_entropy(
    head: VocabularyHead,
    one: Float[Tensor, "N D"],
    other: Float[Tensor, "N D"],
    targets: Int[Tensor, " N"],
    smoothing: float,
    ignore: int,
    alpha: float,
) -> TokenLoss:
    """Half of the paper's loss, so that its size is that of one pass, summed over tokens:

        (CE_1 + CE_2) / 2 + alpha / 2 * (KL(p_1 || p_2) + KL(p_2 || p_1)) / 2

    with CE the label-smoothed cross-entropy of each pass and p its distributions. `nll` is the mean of both passes.
    """
    first, second = (head.loss(hidden, targets, smoothing, ignore) for hidden in (one, other))
    gap = head.divergence(one, other, targets, ignore)
    return TokenLoss((first.total + second.total) / 2 + alpha / 2 * gap, (first.nll + second.nll) / 2, first.tokens)
