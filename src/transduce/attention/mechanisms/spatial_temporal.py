"""Spatial-temporal attention of videos: over time at one patch, then over patches in one frame (TimeSformer).

Letters: B videos, T frames, P patches of a frame, D width, H heads, N = T P tokens, frame by frame.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.attention.mask import Mask
from transduce.attention.masks import blocks
from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.multihead import SelfAttention

HEADS, FRAMES, PATCHES = 2, 3, 4  # of the example


class Video(NamedTuple):
    """Patches, and one token for the whole video."""

    frames: Float[Tensor, "B T P D"]
    summary: Float[Tensor, "B 1 D"]


def same_patch(patches: int) -> Mask:
    """Tokens of N = T P, frame by frame, see the same patch of every frame."""
    return Mask(lambda b, h, q, k: q % patches == k % patches)


class DividedSpaceTime(nn.Module):
    """x + over_time(norm(x)), then the same over the patches of each frame. Time T + P for each token, in place of T P."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm_time, self.over_time = nn.LayerNorm(width), SelfAttention(width, heads)
        self.norm_space, self.over_space = nn.LayerNorm(width), SelfAttention(width, heads)

    def forward(self, frames: Float[Tensor, "B T P D"]) -> Float[Tensor, "B T P D"]:
        frames = self._after_time(frames)
        attended: Tensor = self.over_space(self.norm_space(frames).flatten(0, 1))[0]  # (B T, P, D)
        return frames + attended.view_as(frames)

    def with_summary(self, video: Video) -> Video:
        """The summary token takes no part over time; in space it is one more patch of each frame.

        Its new value is the mean over the frames.
        """
        frames = self._after_time(video.frames)
        in_each_frame = video.summary.unsqueeze(1).expand(-1, frames.shape[1], -1, -1)
        tokens = self.norm_space(torch.cat([in_each_frame, frames], 2))  # (B, T, 1 + P, D)
        attended = self.over_space(tokens.flatten(0, 1))[0].view_as(tokens)
        return Video(frames + attended[:, :, 1:], video.summary + attended[:, :, :1].mean(1))

    def weights(self, frames: Float[Tensor, "B T P D"]) -> Float[Tensor, "B 2 N N"]:
        """Means over the heads: first the weights over time, then those over space."""
        patches = frames.shape[2]
        tokens = self.norm_time(frames).flatten(1, 2)
        over_time = self.over_time.weights(tokens, same_patch(patches))
        tokens = self.norm_space(self._after_time(frames)).flatten(1, 2)
        over_space = self.over_space.weights(tokens, blocks(patches))
        return torch.stack([over_time.mean(1), over_space.mean(1)], 1)

    def _after_time(self, frames: Tensor) -> Tensor:
        by_patch = self.norm_time(frames).transpose(1, 2)  # (B, P, T, D)
        attended: Tensor = self.over_time(by_patch.flatten(0, 1))[0].view_as(by_patch)
        return frames + attended.transpose(1, 2)


class JointSpaceTime(nn.Module):
    """x + attention(norm(x)) over all tokens of all frames; a summary token is one token more."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm, self.over_all = nn.LayerNorm(width), SelfAttention(width, heads)

    def forward(self, tokens: Float[Tensor, "B N D"]) -> Float[Tensor, "B N D"]:
        attended: Tensor = self.over_all(self.norm(tokens))[0]
        return tokens + attended


TOKENS = tuple(f"t{frame} p{patch}" for frame in range(1, FRAMES + 1) for patch in range(1, PATCHES + 1))

SPATIAL_TEMPORAL = Mechanism(
    name="spatial-temporal",
    purpose="Attends over time and over space in turn: a token of a video sees T + P tokens in place of T * P.",
    formula="z += A(z over frames at its patch); z += A(z over patches of its frame)",
    paper="Bertasius, Wang and Torresani 2021, Is Space-Time Attention All You Need for Video Understanding?, 2102.05095",
    cost="time T * P * (T + P); 8 D^2 + 12 D parameters",
    kind="arrangement",
    build=lambda width: DividedSpaceTime(width, HEADS),
    shapes="(B, T, P, D) -> (B, T, P, D)",
    inputs=lambda batch, width: (torch.randn(batch, FRAMES, PATCHES, width),),
    sides=(TOKENS, TOKENS),
    caption="Means over the heads: head 1 over time, head 2 over space. A token is a patch p of a frame t.",
    note="JointSpaceTime in the same file is the other form of the paper: all tokens at once.",
)
