"""Attention within a window, in memory linear in the length: chunks of queries, each over its own and the neighbouring keys.

It equals `attend(query, key, value, window(before, after))`, which forms the whole matrix (Beltagy et al. 2020, 2004.05150;
Luong et al. 2015, 1508.04025, for the window itself).

Letters: B batch, H heads, T tokens, E width of a head, V width of a value, N chunks, C queries of a chunk, K keys of a chunk.
"""

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor
from torch.nn import functional as F

from transduce.attention.attend import attend
from transduce.attention.masks import DenseMask, window

SHORTEST = 16  # queries of a chunk


def windowed_attend(
    query: Float[Tensor, "B H T E"],
    key: Float[Tensor, "B H T E"],
    value: Float[Tensor, "B H T V"],
    before: int,
    after: int = 0,
    keys_allowed: Bool[Tensor, "B T"] | None = None,
    dropout: float = 0.0,
) -> Float[Tensor, "B H T V"]:
    """Query i attends to keys i - before .. i + after. `keys_allowed` is False at padding."""
    if before < 0 or after < 0:
        raise ValueError(f"a window needs sizes of at least 0, found {before} and {after}")
    batch, _, length, _ = query.shape
    chunk = max(1, min(length, max(before, after, SHORTEST)))
    chunks = -(-length // chunk)
    queries = _neighbourhoods(query, 0, 0, chunk, chunks)
    keys, values = (_neighbourhoods(each, before, after, chunk, chunks) for each in (key, value))
    # one batch of B * N short sequences
    queries, keys, values = (each.transpose(1, 2).flatten(0, 1) for each in (queries, keys, values))
    if keys_allowed is None:
        keys_allowed = torch.ones(batch, length, dtype=torch.bool, device=query.device)
    inside = _neighbourhoods(keys_allowed[:, None, :, None], before, after, chunk, chunks)  # (B, 1, N, K, 1)
    # key 0 of a chunk is `before` places before its query 0
    near = window(0, before + after).dense(1, 1, chunk, chunk + before + after, query.device)
    mask = DenseMask(near & inside.squeeze(1).flatten(0, 1).transpose(1, 2).unsqueeze(1))  # (B N, 1, C, K)
    output = attend(queries, keys, values, mask, dropout=dropout)
    by_chunk: Tensor = output.unflatten(0, (batch, chunks)).transpose(1, 2)  # (B, H, N, C, V)
    return by_chunk.flatten(2, 3)[:, :, :length]


def _neighbourhoods(x: Tensor, before: int, after: int, chunk: int, chunks: int) -> Shaped[Tensor, "B H N K E"]:
    """For each chunk its tokens, `before` tokens before them and `after` behind; zeros (False) beyond the ends."""
    padded = F.pad(x, (0, 0, before, after + chunks * chunk - x.shape[2]))
    chunked: Tensor = padded.unfold(2, chunk + before + after, chunk)  # (B, H, N, E, K)
    return chunked.transpose(-2, -1)
