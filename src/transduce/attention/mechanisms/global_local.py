"""Global-local attention: a window for all tokens, everything for a few.

Letters: B batch, N tokens, D width, H heads.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from transduce.attention.attend import attention_weights
from transduce.attention.mask import Mask
from transduce.attention.masks import by_keys, padding, window, zero_padding
from transduce.attention.mechanisms.mechanism import WORDS, Mechanism, sentences
from transduce.attention.multihead import MultiHeadAttention, merge_heads
from transduce.layers.packed_linear import PackedLinear

TOKENS = ("[CLS]", *WORDS)


class GlobalLocal(MultiHeadAttention):
    """Local tokens see a window and the global tokens; global tokens see all tokens, through linear maps of their own.

    window: keys on each side. allowed: False at padding.
    """

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__(width, heads)
        self.window = window
        self.to_global = PackedLinear(width, width, width, width)

    def forward(
        self,
        x: Float[Tensor, "B N D"],
        is_global: Bool[Tensor, "B N"],
        allowed: Bool[Tensor, "B N"] | None = None,
    ) -> Float[Tensor, "B N D"]:
        (query, key, value), (global_query, global_key, global_value) = self._local_and_global(x, allowed)
        local = self.attend(query, key, value, self._near(is_global, allowed), None)
        everywhere = self.attend(global_query, global_key, global_value, padding(allowed), None)
        attended = torch.where(is_global[:, None, :, None], everywhere, local)
        output: Tensor = self.to_output(merge_heads(attended))
        return output

    def weights(
        self,
        x: Float[Tensor, "B N D"],
        is_global: Bool[Tensor, "B N"],
        allowed: Bool[Tensor, "B N"] | None = None,
    ) -> Float[Tensor, "B H N N"]:
        (query, key, _), (global_query, global_key, _) = self._local_and_global(x, allowed)
        local = attention_weights(query, key, self._near(is_global, allowed))
        everywhere = attention_weights(global_query, global_key, padding(allowed))
        return torch.where(is_global[:, None, :, None], everywhere, local)

    def _near(self, is_global: Tensor, allowed: Tensor | None) -> Mask:
        mask = window(self.window, self.window) | by_keys(is_global)
        return mask if allowed is None else mask & by_keys(allowed)

    def _local_and_global(self, x: Tensor, allowed: Tensor | None) -> list[list[Tensor]]:
        """Queries, keys and values (B, H, N, E) of both kinds."""
        x = zero_padding(x, allowed)
        return [self.split_heads(maps(x), *[self.heads] * 3) for maps in (self.to_query_key_value, self.to_global)]


def sentence_with_summary(batch: int, width: int) -> tuple[Tensor, Tensor]:
    """A sentence behind a global token."""
    x = torch.cat([torch.randn(batch, 1, width), sentences(batch, width)[0]], 1)
    return x, (torch.arange(len(TOKENS)) == 0).expand(batch, -1)


GLOBAL_LOCAL = Mechanism(
    name="global-local",
    purpose="Most tokens see a window; a few global tokens see all, and are seen by all: two layers connect any two tokens.",
    formula="local i: softmax_j(q_i . k_j / sqrt(E)) v_j over |i - j| <= w or j global; global i: the same over all j, own maps",
    paper="Beltagy et al. 2020, Longformer, 2004.05150; the term: Ainslie et al. 2020, ETC, 2004.08483",
    cost="pairs: N (2 w + 1) + 2 N G for G global tokens (this module forms all N^2); 7 D^2 + 7 D parameters",
    kind="arrangement",
    build=lambda width: GlobalLocal(width, heads=2, window=1),
    shapes="(B, N, D), global tokens (B, N) -> (B, N, D)",
    inputs=sentence_with_summary,
    sides=(TOKENS, TOKENS),
    caption="A row shows where its token looks: [CLS] is global, the window is one word on each side.",
    note="With shared maps it is the mask `window(w, w) | global_tokens(flags)` on any attention.",
)
