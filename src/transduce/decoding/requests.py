"""Sources that are decoded together, as tensors.

Letters: B sentences, S longest source, P longest prefix.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor


@dataclass(frozen=True)
class Request:
    """One source to decode: its ids, the longest output it may get, and ids that the output must begin with."""

    source: Sequence[int]
    limit: int
    prefix: Sequence[int] = ()
    place: int = 0  # of the source in all that is decoded, on which its random draws depend


@dataclass(frozen=True)
class Batch:
    """Requests side by side, padded. Every output begins with the first `common_prefix` tokens of its prefix."""

    source: Int[Tensor, "B S"]
    lengths: Int[Tensor, " B"]
    limits: Int[Tensor, " B"]
    prefixes: Int[Tensor, "B P"]
    prefix_lengths: Int[Tensor, " B"]
    common_prefix: int

    @classmethod
    def of(cls, requests: Sequence[Request], pad: int, device: torch.device | str) -> "Batch":
        source, lengths = padded([request.source for request in requests], pad, device)
        prefixes, prefix_lengths = padded([request.prefix for request in requests], pad, device)
        limits = torch.tensor([request.limit for request in requests], device=device)
        common = min(len(request.prefix) for request in requests)
        return cls(source, lengths, limits, prefixes, prefix_lengths, common)


def padded(rows: Sequence[Sequence[int]], pad: int, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Rows of different lengths as one tensor (B, longest), and their lengths (B,)."""
    lengths = torch.tensor([len(row) for row in rows])
    filled = torch.full((len(rows), int(lengths.max())), pad)
    for place, row in enumerate(rows):
        filled[place, : len(row)] = torch.tensor(row, dtype=torch.long)
    return filled.to(device), lengths.to(device)
