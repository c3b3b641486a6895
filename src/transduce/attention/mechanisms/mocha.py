"""Monotonic chunkwise attention (MoChA): a softmax over the few keys up to the one where a monotonic scan stops.

Letters: B batch, L queries, S keys, D width of queries, E width of keys, V width of values.
"""

from jaxtyping import Bool, Float
from torch import Tensor

from transduce.attention.masks import window, zero_padding
from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.mechanisms.monotonic import SIDES, Monotonic, steps_and_frames
from transduce.attention.normalisers import Softmax
from transduce.attention.scores import Additive


def chunkwise(
    alignment: Float[Tensor, "B L S"],
    scores: Float[Tensor, "B L S"],
    chunk: int,
    keys_allowed: Bool[Tensor, "B S"] | None = None,
) -> Float[Tensor, "B L S"]:
    """alignment: the probability of each stop k. The softmax of `scores` over keys k - chunk + 1 .. k is mixed by it."""
    keys = scores.shape[-1]
    near = window(chunk - 1).dense(1, 1, keys, keys, scores.device)  # row k: the chunk that ends at key k
    allowed = near if keys_allowed is None else near & keys_allowed[:, None, None]
    within = Softmax()(scores.unsqueeze(2).expand(-1, -1, keys, -1), allowed)  # (B, L, S, S)
    return (alignment.unsqueeze(2) @ within).squeeze(2)


class MonotonicChunkwise(Monotonic):
    """chunk: w, the number of keys of a softmax; with 1 it is monotonic attention. The others as for `Monotonic`."""

    def __init__(self, query_width: int, key_width: int, chunk: int, offset: float = -4.0, noise: float = 1.0) -> None:
        super().__init__(query_width, key_width, offset, noise)
        if chunk < 1:
            raise ValueError(f"a chunk must have at least 1 key, found {chunk}")
        self.chunk, self.chunk_score = chunk, Additive(query_width, key_width, key_width)

    def weights(
        self,
        query: Float[Tensor, "B L D"],
        key: Float[Tensor, "B S E"],
        value: Float[Tensor, "B S V"],
        keys_allowed: Bool[Tensor, "B S"] | None = None,
    ) -> Float[Tensor, "B L S"]:
        alignment = super().weights(query, key, value, keys_allowed)
        scores = self.chunk_score(query, zero_padding(key, keys_allowed))
        return chunkwise(alignment, scores, self.chunk, keys_allowed)


MOCHA = Mechanism(
    name="mocha",
    purpose="A monotonic scan chooses a place, and a softmax looks at the three keys that end there.",
    formula="b_ij = sum_{k=j}^{j+w-1} a_ik exp(u_ij) / sum_{l=k-w+1}^{k} exp(u_il) with monotonic attention a",
    paper="Chiu and Raffel 2018, Monotonic Chunkwise Attention, 1712.05382",
    cost="L matrices of S * S in training, L * w + S steps in decoding; 4 D A + 4 A + 2 parameters",
    kind="own module",
    build=lambda width: MonotonicChunkwise(width, width, chunk=3, offset=0.0),
    shapes="(B, L, D), (B, S, E), (B, S, V) -> (B, L, V)",
    inputs=steps_and_frames,
    sides=SIDES,
    caption="The weight of a step spreads over the chunk before each stop; it moves to later frames.",
    sums_to_one=False,
    alternates=("monotonic",),
)
