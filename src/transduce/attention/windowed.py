"""Attention within a window, in memory linear in the length: chunks of queries, each over its own and the neighbouring keys.

It equals `attend(query, key, value, window(before, after))`, which forms the whole matrix (Beltagy et al. 2020, 2004.05150;
Luong et al. 2015, 1508.04025, for the window itself).

Letters: B batch, H heads, T tokens, E width of a head, V width of a value, N chunks, C queries of a chunk, K keys of a chunk.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from transduce.attention.attend import attend
from transduce.attention.masks import DenseMask


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
    chunk = max(1, min(length, max(before, after, 16)))
    chunks = -(-length // chunk)
    queries = _fill(query, 0, chunks * chunk - length).unflatten(2, (chunks, chunk))
    keys, values = (_neighbourhoods(each, before, after, chunk, chunks) for each in (key, value))
    # one batch of B * N short sequences
    queries, keys, values = (each.transpose(1, 2).flatten(0, 1) for each in (queries, keys, values))
    mask = DenseMask(_allowed(length, before, after, chunk, chunks, keys_allowed, batch, query.device))
    output = attend(queries, keys, values, mask, dropout=dropout)
    by_chunk: Tensor = output.unflatten(0, (batch, chunks)).transpose(1, 2)  # (B, H, N, C, V)
    return by_chunk.flatten(2, 3)[:, :, :length]


def _fill(x: Tensor, before: int, after: int) -> Tensor:
    return F.pad(x, (0, 0, before, after))


def _neighbourhoods(x: Tensor, before: int, after: int, chunk: int, chunks: int) -> Float[Tensor, "B H N K E"]:
    """For each chunk its tokens, `before` tokens before them and `after` behind, zeros beyond the ends."""
    padded = _fill(x, before, after + chunks * chunk - x.shape[2])
    chunked: Tensor = padded.unfold(2, chunk + before + after, chunk)  # (B, H, N, E, K)
    return chunked.transpose(-2, -1)


def _allowed(
    length: int,
    before: int,
    after: int,
    chunk: int,
    chunks: int,
    keys_allowed: Tensor | None,
    batch: int,
    device: torch.device,
) -> Bool[Tensor, "BN 1 C K"]:
    starts = torch.arange(chunks, device=device)[:, None, None] * chunk
    query = starts + torch.arange(chunk, device=device)[:, None]  # (N, C, 1)
    key = starts - before + torch.arange(chunk + before + after, device=device)  # (N, 1, K)
    allowed = (key >= query - before) & (key <= query + after) & (key >= 0) & (key < length)
    if keys_allowed is None:
        return allowed.repeat(batch, 1, 1).unsqueeze(1)
    own = keys_allowed.gather(1, key.clamp(0, length - 1).reshape(1, -1).expand(batch, -1)).view(batch, chunks, 1, -1)
    return (allowed & own).flatten(0, 1).unsqueeze(1)
