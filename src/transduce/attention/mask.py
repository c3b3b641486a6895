"""A mask: a closure (batch, head, query, key) -> bool, True = may attend. Masks compose with `&`, `|` and `~`.

The four arguments are index tensors that broadcast against each other, shaped (B,1,1,1), (1,H,1,1), (1,1,L,1) and
(1,1,1,S); a closure that ignores some of them gives a small tensor. masks.py has the masks of the field.

Letters: B batch, L queries, S keys.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from transduce.attention.kernels import narrow

CACHED = 512  # tokens of the longest causal mask that is cached

Rule = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Band:
    """A rule that kernels know: query i sees keys i - before .. i + after (None: no limit) among those that `keys` allows.

    keys: a rule that looks at batch and key alone, such as padding; None: all keys.
    """

    before: int | None
    after: int | None
    keys: Rule | None = None

    def __and__(self, other: "Band") -> "Band":
        before, after = (_smaller(*sides) for sides in ((self.before, other.before), (self.after, other.after)))
        return Band(before, after, _both(self.keys, other.keys))

    @property
    def window(self) -> int | None:
        """The number of keys that a query sees at most; None where a side has no limit."""
        return None if self.before is None or self.after is None else self.before + self.after + 1

    @property
    def is_causal(self) -> bool:
        """Whether it is the lower triangle, no more and no less."""
        return (self.before, self.after, self.keys) == (None, 0, None)

    def keys_allowed(self, batch: int, length: int, device: torch.device) -> Bool[Tensor, "_ S"]:
        """The keys that `keys` allows, for each row or for all."""
        if self.keys is None:
            return torch.ones(1, length, dtype=torch.bool, device=device)
        rows, places = torch.arange(batch, device=device)[:, None, None, None], torch.arange(length, device=device)
        nothing = torch.zeros(1, 1, 1, 1, dtype=torch.int64, device=device)
        return self.keys(rows, nothing, nothing, places[None, None, None, :])[:, 0, 0]


def _smaller(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)


def _both(one: Rule | None, other: Rule | None) -> Rule | None:
    if one is None or other is None:
        return one or other
    return lambda b, h, q, k: one(b, h, q, k) & other(b, h, q, k)


@dataclass(frozen=True)
class Table:
    """The sizes of a tensor that a rule reads: its rows, of which 1 serves the whole batch, and the indices that it has.

    None: any number. A larger table serves shorter inputs: query i and key j read place i and j, and the rest is not read.
    """

    name: str
    rows: int | None = None
    queries: int | None = None
    keys: int | None = None

    def check(self, batch: int, queries: int, keys: int) -> None:
        """ValueError where a batch of these sizes reads beyond the table, or fewer rows than it has."""
        if self.rows is not None and self.rows not in (1, batch):
            raise ValueError(
                f"{self.name} has {self.rows} rows for a batch of {batch}: give it a row for each, or 1 row for all"
            )
        for side, size, needed in (("queries", self.queries, queries), ("keys", self.keys, keys)):
            if size is not None and size < needed:
                raise ValueError(f"{self.name} has {size} {side}, found {needed}: give it at least {needed}")


@dataclass(frozen=True)
class Mask:
    """A rule over indices: which query may attend to which key. `band` is the same rule, where it has that form.

    tables: the sizes of the tensors that the rule reads.
    """

    rule: Rule
    band: Band | None = None
    tables: tuple[Table, ...] = ()

    def __and__(self, other: "Mask") -> "Mask":
        _check_operand("&", other)
        band = self.band & other.band if self.band is not None and other.band is not None else None
        return Mask(lambda b, h, q, k: self.rule(b, h, q, k) & other.rule(b, h, q, k), band, self.tables + other.tables)

    def __or__(self, other: "Mask") -> "Mask":
        _check_operand("|", other)
        return Mask(
            lambda b, h, q, k: self.rule(b, h, q, k) | other.rule(b, h, q, k), tables=self.tables + other.tables
        )

    def __invert__(self) -> "Mask":
        return Mask(lambda b, h, q, k: ~self.rule(b, h, q, k), tables=self.tables)

    def check(self, batch: int, queries: int, keys: int) -> None:
        """ValueError where a table of the rule does not fit these sizes."""
        for table in self.tables:
            table.check(batch, queries, keys)

    def at(self, queries: Int[Tensor, "*B L"], keys: Int[Tensor, "*B S"] | None = None) -> "Mask":
        """The same rule over positions, (L,) or (B, L): of the tokens that follow those in a cache, or of packed documents.

        Without `keys` the positions of the keys are 0 .. S - 1. Tables of the rule must have all positions, which is not checked.
        """

        def position(of: Tensor | None, b: Tensor, place: Tensor) -> Tensor:
            if of is None:
                return place
            return of[place] if of.ndim == 1 else of[b, place]

        tables = tuple(
            replace(each, queries=None, keys=None if keys is not None else each.keys) for each in self.tables
        )
        return Mask(lambda b, h, q, k: self.rule(b, h, position(queries, b, q), position(keys, b, k)), tables=tables)

    def dense(
        self, batch: int, heads: int, queries: int, keys: int, device: torch.device | str = "cpu"
    ) -> Bool[Tensor, "_ _ L S"]:
        """The rule written out: (B or 1, H or 1, L, S), with axes of size 1 where the rule does not look at them."""
        self.check(batch, queries, keys)
        index = [torch.arange(size, device=device) for size in (batch, heads, queries, keys)]
        b, h, q, k = (i.view([-1 if axis == at else 1 for at in range(4)]) for axis, i in enumerate(index))
        allowed = self.rule(b, h, q, k)
        if not isinstance(allowed, Tensor):
            raise ValueError(
                f"the rule of a mask must return a tensor of type bool, found {allowed!r}: compute it from the indices, as "
                "masks.everything does"
            )
        return allowed.expand(allowed.shape[0], allowed.shape[1], queries, keys)

    def written_out(self, batch: int, heads: int, queries: int, keys: int, device: torch.device | str) -> "DenseMask":
        """The same mask with its rows computed once, for a stack whose layers all use it."""
        if queries != keys or self.band is None or not self.band.is_causal:
            return DenseMask(self.dense(batch, heads, queries, keys, device))
        if queries > CACHED or torch.compiler.is_compiling():
            return DenseMask(self.dense(1, 1, queries, keys, device), is_causal=True)
        return _causal_square(queries, torch.device(device))

    def written_out_for(
        self, query: Float[Tensor, "B L _"], key: Float[Tensor, "B S _"], heads: int = 1
    ) -> "DenseMask":
        """The same for queries and keys that are not split into heads yet."""
        return self.written_out(len(query), heads, query.shape[1], key.shape[1], query.device)

    def for_layers(
        self, batch: int, heads: int, length: int, device: torch.device, bias: bool = False
    ) -> "Mask | DenseMask":
        """The form that is fastest for several layers over `length` tokens: the rule itself where chunks compute it.

        bias: whether a bias is added to the scores.
        """
        if self.band is not None and not bias and narrow(self.band.window, length):
            return self
        return self.written_out(batch, heads, length, length, device)


@dataclass(frozen=True)
class DenseMask:
    """A mask as a tensor (B or 1, H or 1, L, S), True = may attend, with its additive forms cached.

    is_causal: it is the lower triangle of a square, which kernels compute without reading it.
    """

    allowed: Bool[Tensor, "_ _ L S"]
    is_causal: bool = False
    _additive: dict[torch.dtype, Tensor] = field(default_factory=dict, repr=False, compare=False)
    _sees: list[bool] = field(default_factory=list, repr=False, compare=False)
    _hidden: list[Tensor | None] = field(default_factory=list, repr=False, compare=False)

    def additive(self, dtype: torch.dtype) -> Float[Tensor, "_ _ L S"]:
        """0 where allowed, -inf elsewhere, and 0 in rows without any key: a softmax of nothing but -inf is NaN.

        A finite number would not do: a masked score may be as large.
        """
        if dtype not in self._additive:
            hidden = ~self.allowed
            if not self.every_query_sees:
                hidden &= self.allowed.any(-1, keepdim=True)
            with torch.inference_mode(False):  # a cached mask serves training too
                blank = torch.zeros(self.allowed.shape, dtype=dtype, device=self.allowed.device)
                self._additive[dtype] = blank.masked_fill_(hidden, -torch.inf)
        return self._additive[dtype]

    @property
    def every_query_sees(self) -> bool:
        """Whether each query has some key. False on an accelerator and for torch.compile, where reading it back costs more."""
        if self.is_causal:
            return True
        if self.allowed.device.type != "cpu" or torch.compiler.is_compiling():
            return False
        if not self._sees:
            self._sees.append(bool(self.allowed.any(-1).all()))
        return self._sees[0]

    def with_finite_keys(self) -> "DenseMask":
        """The same mask where all keys are finite numbers, as the padding of a network is: `hidden_keys` is None."""
        return replace(self, _hidden=[None])

    @property
    def hidden_keys(self) -> Bool[Tensor, "_ _ S 1"] | None:
        """True at keys that no query sees, such as padding. None where there are none and that is read back at little cost."""
        if self.is_causal:
            return None
        if not self._hidden:
            hidden = ~self.allowed.any(-2).unsqueeze(-1)
            readable = hidden.device.type == "cpu" and not torch.compiler.is_compiling()
            self._hidden.append(None if readable and not bool(hidden.any()) else hidden)
        return self._hidden[0]


def check_mask(mask: Any) -> None:
    """ValueError for a value that is neither form of a mask."""
    if isinstance(mask, Mask | DenseMask):
        return
    advice = "DenseMask(tensor) holds a tensor (B, H, L, S) of type bool, True where a query may attend"
    if callable(mask) and not isinstance(mask, Tensor):
        name = getattr(mask, "__name__", "it")
        advice = f"call {name}(...) and pass its result"
    raise ValueError(f"a mask is a Mask or a DenseMask, found {type(mask).__name__}: {advice}")


def _check_operand(operator: str, other: Any) -> None:
    if not isinstance(other, Mask):
        raise ValueError(
            f"`{operator}` joins two Masks, found {type(other).__name__}: by_table(tensor) makes a Mask from a tensor (L, S) "
            "of type bool, by_keys(tensor) from (B, S)"
        )


@lru_cache(maxsize=64)
def _causal_square(length: int, device: torch.device) -> DenseMask:
    """The lower triangle: computing it anew takes longer than short attention itself."""
    with torch.inference_mode(False):
        return DenseMask(torch.ones(1, 1, length, length, dtype=torch.bool, device=device).tril(), is_causal=True)
