"""Networks that read a source and write a target token by token, and carry a state of fixed size from step to step.

`encode` reads the source; `decode` reads T target tokens and returns their hidden states and the carry after them. One
forward pass serves training (all tokens at once), prompts and single steps.

Letters: B sentences, K beams, N = B K rows, S source tokens, T target tokens, R rows or sentences, D width of the model,
M attentions of the decoder, A width of a key.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from transduce.attention.cache import Lengths
from transduce.attention.mask import DenseMask
from transduce.attention.masks import within_lengths
from transduce.networks.heads import VocabularyHead
from transduce.networks.token_embedding import TokenEmbedding


class SourceToTargetConfig:
    """The base of every config whose network turns source and target tokens into hidden states for its `head`.

    The task translation accepts each of them. Lengths are in tokens, with the end token; None: any length.
    """

    @property
    def longest_source(self) -> int | None:
        """The longest source that the network can read."""
        return None

    @property
    def longest_target(self) -> int | None:
        """The longest target that the network can write."""
        return None

    def build(self, target_vocabulary: int, source_vocabulary: int | None = None) -> nn.Module:
        """With fresh weights. `source_vocabulary=None`: both sides share one vocabulary and its embeddings."""
        raise NotImplementedError


@dataclass(frozen=True)
class SourceMemory:
    """The memory that the decoder attends to: keys and values of each source token, computed once for each sentence.

    mask: (B, 1, 1, S), False at padding.
    """

    keys: Float[Tensor, "B S A"]
    values: Float[Tensor, "B S D"]
    mask: DenseMask

    @classmethod
    def of(
        cls, keys: Float[Tensor, "B S A"], values: Float[Tensor, "B S D"], lengths: Int[Tensor, " B"]
    ) -> "SourceMemory":
        rows, width = keys.shape[:2]
        return cls(keys, values, within_lengths(lengths).written_out(rows, 1, 1, width, keys.device))

    def select(self, sentences: Int[Tensor, " R"]) -> "SourceMemory":
        return SourceMemory(self.keys[sentences], self.values[sentences], DenseMask(self.mask.allowed[sentences]))

    def join(self, other: "SourceMemory") -> "SourceMemory":
        """These sentences, then the other's, padded to one length."""
        masks = [each.mask.allowed[:, 0, 0] for each in (self, other)]
        allowed = _joined(*masks)[:, None, None]
        return SourceMemory(_joined(self.keys, other.keys), _joined(self.values, other.values), DenseMask(allowed))


@dataclass(frozen=True)
class Carry:
    """The state of each row after the tokens that it has read; only the network knows the meaning of `tensors`.

    tensors: each (N, X, ...). lengths: number of tokens that each row has read.
    """

    tensors: tuple[Tensor, ...]
    lengths: Lengths

    def select(self, rows: Int[Tensor, " R"]) -> "Carry":
        return Carry(tuple(each[rows] for each in self.tensors), self.lengths.select(rows))

    def join(self, other: "Carry") -> "Carry":
        """These rows, then the other's. A tensor over source tokens, (N, S), is padded with zeros to the greater S."""
        tensors = tuple(_joined(mine, theirs) for mine, theirs in zip(self.tensors, other.tensors, strict=True))
        return Carry(tensors, Lengths.of(torch.cat([self.lengths.rows, other.lengths.rows])))


class Steps(NamedTuple):
    """T steps of a decoder: hidden states for the head, the weights of each attention over the source, the carry."""

    hidden: Float[Tensor, "N T D"]
    weights: Float[Tensor, "M N T S"]
    carry: Carry


class SourceToTarget(nn.Module):
    """The common part: embeddings of both sides, the head, and the forward pass of training.

    `source_vocabulary=None` means that both sides share one vocabulary and its embeddings. With `tie_output` the head uses
    the weights of the target embeddings too.
    """

    def __init__(
        self, target_embedding: TokenEmbedding, source_embedding: TokenEmbedding | None, tie_output: bool
    ) -> None:
        super().__init__()
        self.tie_output = tie_output
        self.target_embedding = target_embedding
        self.source_embedding = target_embedding if source_embedding is None else source_embedding
        self.head = VocabularyHead(target_embedding.embedding_dim, target_embedding.num_embeddings)
        self.tie_weights()

    def tie_weights(self) -> None:
        """Lets head and embedding share one weight: after building, and after loading."""
        if self.tie_output:
            self.head.tie(self.target_embedding)

    def forward(
        self, source: Int[Tensor, "B S"], lengths: Int[Tensor, " B"], target: Int[Tensor, "B T"]
    ) -> Float[Tensor, "B T D"]:
        """`lengths` counts the tokens of each source without padding."""
        return self.decode(target, *self.encode(source, lengths)).hidden

    def source_weights(
        self, source: Int[Tensor, "B S"], lengths: Int[Tensor, " B"], target: Int[Tensor, "B T"]
    ) -> Float[Tensor, "M B T S"]:
        """The attention weights of `forward`."""
        return self.decode(target, *self.encode(source, lengths)).weights

    @property
    def attention_count(self) -> int:
        """M, the number of attentions of the decoder."""
        raise NotImplementedError

    def encode(self, source: Int[Tensor, "B S"], lengths: Int[Tensor, " B"]) -> tuple[SourceMemory, Carry]:
        """The memory of each source, and the carry before the first target token, for one beam."""
        raise NotImplementedError

    def decode(self, tokens: Int[Tensor, "N T"], memory: SourceMemory, carry: Carry) -> Steps:
        """K rows of tokens may share a memory: rows b * K to b * K + K - 1 attend to memory b."""
        raise NotImplementedError


def by_sentence(rows: Float[Tensor, "N T D"], memory: SourceMemory) -> Float[Tensor, "B K T D"]:
    """(B K, T, D) -> (B, K, T, D)."""
    by_beam: Tensor = rows.unflatten(0, (len(memory.keys), -1))
    return by_beam


def _joined(mine: Tensor, theirs: Tensor) -> Tensor:
    """Rows of both, the second axis padded with zeros to the greater size."""
    size = max(mine.shape[1], theirs.shape[1])
    return torch.cat([F.pad(each, (0, 0) * (each.ndim - 2) + (0, size - each.shape[1])) for each in (mine, theirs)])
