"""Attention within a window, in memory linear in the length: chunks of queries, each over its own and the neighbouring keys.

It equals dense attention with the mask `window(before, after)` (Beltagy et al. 2020, 2004.05150; Luong et al. 2015,
1508.04025, for the window itself). `attend` calls it where the mask is a narrow window.

Letters: B batch, H heads, T tokens, E width of a head, V width of a value, N chunks, C queries of a chunk, K keys of a chunk.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional as F

from transduce.attention.mask import Band, DenseMask

SHORTEST = 16  # queries of a chunk

Attend = Callable[[Tensor, Tensor, Tensor, DenseMask], Tensor]


def windowed_attend(
    query: Float[Tensor, "B H T E"],
    key: Float[Tensor, "B G T E"],
    value: Float[Tensor, "B G T V"],
    band: Band,
    attend: Attend,
) -> Float[Tensor, "B H T V"]:
    """Query i attends to the keys of its band, which has both limits. `attend` computes the chunks, as a larger batch."""
    assert band.before is not None and band.after is not None
    before, after = max(band.before, 0), max(band.after, 0)  # a chunk has the keys of its own tokens in any case
    batch, _, length, _ = query.shape
    chunk = max(1, min(length, max(before, after, SHORTEST)))
    chunks = max(1, -(-length // chunk))
    queries = _neighbourhoods(query, 0, 0, chunk, chunks)
    keys, values = (_neighbourhoods(each, before, after, chunk, chunks) for each in (key, value))
    # one batch of B * N short sequences
    queries, keys, values = (each.transpose(1, 2).flatten(0, 1) for each in (queries, keys, values))
    keys_allowed = band.keys_allowed(batch, length, query.device)[:, None, :, None]
    inside = _neighbourhoods(keys_allowed.expand(batch, 1, length, 1), before, after, chunk, chunks)
    # places in a chunk: key 0 is `before` places before query 0
    rows = torch.arange(chunk, device=query.device)[:, None]
    places = torch.arange(-before, chunk + after, device=query.device)
    near = (places >= rows - band.before) & (places <= rows + band.after)  # (C, K)
    allowed = near & inside.squeeze(1).flatten(0, 1).transpose(1, 2).unsqueeze(1)  # (B N, 1, C, K)
    if band.after < 0:  # the last keys have no query: those that only fill the last chunk must not see them either
        tokens = torch.arange(chunks * chunk, device=query.device).view(chunks, 1, chunk, 1) < length
        allowed = allowed & tokens.repeat(batch, 1, 1, 1)
    mask = DenseMask(allowed)
    by_chunk: Tensor = attend(queries, keys, values, mask).unflatten(0, (batch, chunks)).transpose(1, 2)
    return by_chunk.flatten(2, 3)[:, :, :length]  # (B, H, N, C, V) -> (B, H, T, V)


def _neighbourhoods(x: Tensor, before: int, after: int, chunk: int, chunks: int) -> Shaped[Tensor, "B H N K E"]:
    """For each chunk its tokens, `before` tokens before them and `after` behind; zeros (False) beyond the ends."""
    padded = F.pad(x, (0, 0, before, after + chunks * chunk - x.shape[2]))
    chunked: Tensor = padded.unfold(2, chunk + before + after, chunk)  # (B, H, N, E, K)
    return chunked.transpose(-2, -1)
