"""Multi-level attention: each layer of a decoder has its own mixture of the levels of an encoder.

Letters: B batch, K levels, J outputs, S tokens, D width.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.attention.attend import SOFTMAX
from transduce.attention.mechanisms.mechanism import Mechanism

LEVELS = ("embeddings", "layer 1", "layer 2", "layer 3")
OUTPUTS = 3


class MultiLevel(nn.Module):
    """z_j = sum_k softmax_k(W_jk) h_k: learned weights, the same for all inputs; random normal at first.

    The input is the embeddings and the output of each layer, the output an encoder memory for each decoder layer.
    ValueError for another number of levels than the module is built for.
    """

    def __init__(self, levels: int, outputs: int) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.randn(outputs, levels))

    def forward(self, levels: Float[Tensor, "B K S D"]) -> Float[Tensor, "B J S D"]:
        return torch.einsum("bjk,bksd->bjsd", self.weights(levels), levels)

    def weights(self, levels: Float[Tensor, "B K S D"]) -> Float[Tensor, "B J K"]:
        if levels.shape[1] != self.scores.shape[1]:
            raise ValueError(
                f"expected {self.scores.shape[1]} levels, the embeddings and each layer, found {levels.shape[1]}"
            )
        return SOFTMAX(self.scores, None).expand(len(levels), -1, -1)


MULTI_LEVEL = Mechanism(
    name="multi-level",
    purpose="Each decoder layer reads its own mixture of all encoder layers, so that gradients reach every layer at once.",
    formula="z_j = sum_k softmax_k(W_jk) h_k over levels k, then cross-attention of decoder layer j to z_j",
    paper="Bapna et al. 2018, Training Deeper Neural Machine Translation Models with Transparent Attention, 1808.07561",
    cost="time J * K * S * D; J * K parameters for J decoder layers and K levels",
    kind="arrangement",
    build=lambda width: MultiLevel(len(LEVELS), OUTPUTS),
    shapes="(B, K, S, D) -> (B, J, S, D)",
    inputs=lambda batch, width: (torch.randn(batch, len(LEVELS), 3, width),),
    sides=([f"decoder layer {n + 1}" for n in range(OUTPUTS)], LEVELS),
    caption="A row shows the mixture that its decoder layer reads.",
    note="The name also stands for attention to semantic and visual levels (Yu et al., CVPR 2017). With one output it is the "
    "scalar mix of ELMo (1802.05365) without its factor.",
)
