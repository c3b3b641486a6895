"""Multi-modal attention: first within each modality, then over the modalities.

Letters: B batch, M modalities, P width of the state, D of the output.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from transduce.attention.attend import attend
from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.pooling import pool, pool_weights
from transduce.attention.scores import Additive

MODALITIES = ("image", "motion", "sound")
LENGTHS = (4, 3, 5)  # steps of each modality in the example


class MultiModal(nn.Module):
    """Fuses streams of different widths and lengths for a decoder's state. `present` is False for a missing modality.

    ValueError for another number of streams than the module is built for.
    """

    def __init__(self, widths: Sequence[int], state: int, width: int) -> None:
        super().__init__()
        self.within = nn.ModuleList(Additive(state, each, width) for each in widths)
        self.state_to_key = nn.Linear(state, width, bias=False)
        self.to_key = nn.ModuleList(nn.Linear(each, width) for each in widths)
        self.to_value = nn.ModuleList(nn.Linear(each, width) for each in widths)
        self.query = nn.Parameter(torch.randn(width))
        self.from_state = nn.Linear(state, width, bias=False)

    def forward(
        self, state: Float[Tensor, "B P"], *streams: Float[Tensor, "B _ _"], present: Bool[Tensor, "B M"] | None = None
    ) -> Float[Tensor, "B D"]:
        contexts = self._contexts(state, streams, present)
        values = torch.stack([to_value(each) for to_value, each in zip(self.to_value, contexts, strict=True)], 1)
        fused = pool(self.query, self._keys(state, contexts), values, present)
        output: Tensor = (self.from_state(state) + fused).tanh()
        return output

    def weights(
        self, state: Float[Tensor, "B P"], *streams: Float[Tensor, "B _ _"], present: Bool[Tensor, "B M"] | None = None
    ) -> Float[Tensor, "B 1 M"]:
        """The weights of the modalities."""
        return pool_weights(self.query, self._keys(state, self._contexts(state, streams, present)), present)

    def _contexts(self, state: Tensor, streams: Sequence[Tensor], present: Tensor | None) -> list[Tensor]:
        """One vector of each modality (B, D_m), by attention within it."""
        if len(streams) != len(self.within):
            raise ValueError(f"expected {len(self.within)} streams, one for each modality, found {len(streams)}")
        if present is not None:
            streams = [x.masked_fill(~present[:, m, None, None], 0.0) for m, x in enumerate(streams)]
        query = state[:, None, None]
        heads = [stream.unsqueeze(1) for stream in streams]
        return [attend(query, x, x, score=score)[:, 0, 0] for score, x in zip(self.within, heads, strict=True)]

    def _keys(self, state: Tensor, contexts: Sequence[Tensor]) -> Float[Tensor, "B M D"]:
        of_modality = [to_key(each) for to_key, each in zip(self.to_key, contexts, strict=True)]
        keys: Tensor = (self.state_to_key(state).unsqueeze(1) + torch.stack(of_modality, 1)).tanh()
        return keys


def video(batch: int, width: int) -> tuple[Tensor, ...]:
    return torch.randn(batch, width), *(torch.randn(batch, length, width) for length in LENGTHS)


MULTI_MODAL = Mechanism(
    name="multi-modal",
    purpose="Weights whole modalities: the next word may depend on the sound, the one after it on the image.",
    formula="g = tanh(W_s s + sum_m a_m (W_m c_m + b'_m)) with a = softmax_m(w . tanh(W s + V_m c_m + b_m)) and c_m the "
    "attention of s within modality m",
    paper="Hori et al. 2017, Attention-Based Multimodal Fusion for Video Description, 1701.03126",
    cost="time and memory linear in all steps; maps of each modality",
    kind="arrangement",
    build=lambda width: MultiModal([width] * len(MODALITIES), width, width),
    shapes="(B, P), a stream (B, S_m, D_m) of each modality -> (B, D)",
    inputs=video,
    sides=(("next word",), MODALITIES),
    caption="The weight of each modality.",
)
