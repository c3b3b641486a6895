"""The masks of the field, as closures to compose with `&`, `|` and `~` (mask.py).

    >>> causal().dense(1, 1, 3, 3)[0, 0].int()      rows are queries, columns are keys
    [[1, 0, 0],
     [1, 1, 0],
     [1, 1, 1]]

A mask from a tensor (`by_keys`, `by_table`, ...) refuses other batches and more queries or keys than the tensor has. It may have
more: the rest is not read, so that one mask serves shorter inputs too. A tensor of one row serves the whole batch.

`show` draws any mask. Letters: B batch, L queries, S keys, N nodes or tokens that are queries and keys.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from transduce.attention.mask import Band, DenseMask, Mask, Table, check_mask
from transduce.attention.ranges import at_least, whole


def everything() -> Mask:
    """Every query sees every key."""
    return Mask(lambda b, h, q, k: (q >= 0) & (k >= 0), Band(None, None))


def causal(offset: int = 0) -> Mask:
    """Query i sees keys 0 .. i + offset. With `offset` cached keys before the first query this is bottom-right causal."""
    whole("causal: offset", offset)
    return Mask(lambda b, h, q, k: k <= q + offset, Band(None, offset))


def up_to(positions: Int[Tensor, "*B L"]) -> Mask:
    """Query i sees keys 0 .. positions[i], its own position among them: (L,) for all rows or (B, L)."""
    _check_axes("up_to", positions, "(L,) or (B, L)", 1, 2)
    table = torch.atleast_2d(positions)
    return Mask(lambda b, h, q, k: k <= _at(table, b, q), tables=(Table("up_to", *table.shape),))


def same_document(documents: Int[Tensor, "B T"]) -> Mask:
    """Queries see keys of their own document: block-diagonal where several are packed into a row."""
    _check_axes("same_document", documents, "(B, T)", 2)
    return _same_number("same_document", documents, documents)


def within_lengths(lengths: Int[Tensor, " B"]) -> Mask:
    """Keys at or beyond the length of their sentence are padding."""
    _check_axes("within_lengths", lengths, "(B,)", 1)

    def inside(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return k < _at(lengths, b)

    return Mask(inside, Band(None, None, inside), (Table("within_lengths", len(lengths)),))


def by_keys(allowed: Shaped[Tensor, "B S"]) -> Mask:
    """Every query sees the keys where `allowed[b, j]`: those that are no padding, or no gaps.

    Columns beyond the last key are not read.
    """
    table = _bool("by_keys", allowed)
    _check_axes("by_keys", table, "(B, S)", 2)

    def at(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return _at(table, b, k)

    return Mask(at, Band(None, None, at), (Table("by_keys", len(table), keys=table.shape[1]),))


def padding(allowed: Shaped[Tensor, "B S"] | None) -> Mask | None:
    """`by_keys`, or no mask where nothing is padding."""
    return None if allowed is None else by_keys(allowed)


def zero_padding(x: Float[Tensor, "*B S D"], allowed: Bool[Tensor, "*B S"] | None) -> Float[Tensor, "*B S D"]:
    """Zeros where `allowed` is False: a NaN there would reach the output, as 0 times NaN is NaN."""
    return x if allowed is None else x.masked_fill(~allowed.unsqueeze(-1), 0.0)


def zero_unseen(x: Float[Tensor, "B S D"], mask: Mask | DenseMask | None) -> Float[Tensor, "B S D"]:
    """`zero_padding` for modules with a mask: zeros at keys or values that no query of any head may attend to.

    Of a `Mask` it knows the keys that its band excludes, such as padding.
    """
    if isinstance(mask, Mask):
        if mask.band is None or mask.band.keys is None:
            return x
        mask.check(len(x), 0, x.shape[1])
        return x.masked_fill(~mask.band.keys_allowed(len(x), x.shape[1], x.device).unsqueeze(-1), 0.0)
    hidden = None if mask is None else mask.hidden_keys
    return x if hidden is None else x.masked_fill(hidden.all(1), 0.0)


def count_seen(mask: DenseMask) -> Int[Tensor, "_ 1"]:
    """The number of keys of each row that some query may attend to."""
    return mask.allowed.flatten(1, 2).any(1).sum(-1, keepdim=True)


def window(before: int, after: int = 0) -> Mask:
    """Query i sees keys i - before .. i + after: `window(2)` is causal, `window(2, 2)` sees both sides."""
    at_least("window: before", before, 0)
    at_least("window: after", after, 0)
    return Mask(lambda b, h, q, k: (k >= q - before) & (k <= q + after), Band(before, after))


def dilated(steps: int, dilation: int) -> Mask:
    """Query i sees up to `steps` keys on each side, every `dilation`-th one, and itself (Beltagy et al. 2020, 2004.05150)."""
    at_least("dilated: steps", steps, 0)
    at_least("dilated: dilation", dilation, 1)
    return Mask(lambda b, h, q, k: ((q - k) % dilation == 0) & ((q - k).abs() <= steps * dilation))


def strided(stride: int) -> Mask:
    """Causal: the last `stride` keys before i, i itself, and every `stride`-th key before (Child et al. 2019, 1904.10509).

    The two parts are the paper's two heads; its attention of both together is their union.
    """
    at_least("strided: stride", stride, 1)
    return causal() & Mask(lambda b, h, q, k: (q - k <= stride) | ((q - k) % stride == 0))


def fixed(block: int, summary: int = 1) -> Mask:
    """Causal: the keys of the query's own block, and the last `summary` keys of every block (Child et al. 2019)."""
    at_least("fixed: block", block, 1)
    whole("fixed: summary", summary)
    if not 1 <= summary <= block:
        raise ValueError(f"fixed: summary must be 1 to the block size {block}, found {summary}")
    return causal() & Mask(lambda b, h, q, k: (q // block == k // block) | (k % block >= block - summary))


def blocks(size: int) -> Mask:
    """Tokens see those of their own block of `size` neighbours."""
    at_least("blocks: size", size, 1)
    return Mask(lambda b, h, q, k: q // size == k // size)


def prefix(length: int) -> Mask:
    """Every query sees the first `length` keys, and those up to itself: a prefix language model (Raffel et al. 2019)."""
    at_least("prefix: length", length, 0)
    return Mask(lambda b, h, q, k: (k < length) | (k <= q))


def global_tokens(is_global: Shaped[Tensor, "*B N"]) -> Mask:
    """Global tokens see every token, and every token sees them: join it to a local mask with `|` (Beltagy et al. 2020).

    is_global: (N,), the same for all rows, or (B, N).
    """
    tokens = _bool("global_tokens", is_global)
    _check_axes("global_tokens", tokens, "(N,) or (B, N)", 1, 2)
    table = torch.atleast_2d(tokens)
    sizes = Table("global_tokens", len(table), table.shape[1], table.shape[1])
    return Mask(lambda b, h, q, k: _at(table, b, q) | _at(table, b, k), tables=(sizes,))


def graph(nodes: int, edges: Sequence[tuple[int, int]], self_loops: bool = True) -> Mask:
    """Node i sees node j where (j, i) is an edge, source first, and itself (Veličković et al. 2017, 1710.10903).

    >>> graph(3, [(0, 1), (1, 2)]).dense(1, 1, 3, 3)[0, 0].int()
    [[1, 0, 0],
     [1, 1, 0],
     [0, 1, 1]]
    """
    adjacency = torch.eye(nodes, dtype=torch.bool) if self_loops else torch.zeros(nodes, nodes, dtype=torch.bool)
    for number, (source, target) in enumerate(edges):
        if not (0 <= source < nodes and 0 <= target < nodes):
            raise ValueError(
                f"edge {number} is ({source}, {target}), but the graph has nodes 0 to {nodes - 1}: check the edge list"
            )
        adjacency[target, source] = True
    return _by_matrix("graph", adjacency)


def descendants(parents: Sequence[int]) -> Mask:
    """Node i of a tree sees its subtree: itself, its children, their children ... `parents[i]` is -1 for a root.

    Subtree masking as in Nguyen et al. 2020 (2002.08046). ValueError for a parent that is no node, and for a circle.
    """
    nodes = len(parents)
    sees = torch.eye(nodes, dtype=torch.bool)
    for node in range(nodes):
        above, steps = parents[node], 0
        while above != -1:
            if not 0 <= above < nodes:
                raise ValueError(f"the parent of node {node} is {above}, but the tree has nodes 0 to {nodes - 1}")
            if steps >= nodes:
                raise ValueError(f"the parents of node {node} form a circle: a tree has a root, whose parent is -1")
            sees[above, node] = True
            above, steps = parents[above], steps + 1
    return _by_matrix("descendants", sees)


def segments(of_queries: Int[Tensor, "B L"], of_keys: Int[Tensor, "B S"]) -> Mask:
    """Queries see the keys that have the same segment number, as between two texts of several parts."""
    _check_axes("segments: of_queries", of_queries, "(B, L)", 2)
    _check_axes("segments: of_keys", of_keys, "(B, S)", 2)
    return _same_number("segments", of_queries, of_keys)


def random_blocks(length: int, size: int, count: int, seed: int) -> Mask:
    """Each block of `size` queries sees `count` blocks of keys, drawn without repetition (Zaheer et al. 2020, 2007.14062)."""
    at_least("random_blocks: size", size, 1)
    whole("random_blocks: length", length)
    whole("random_blocks: count", count)
    number = -(-length // size)
    if not 1 <= count <= number:
        raise ValueError(f"random_blocks: count must be 1 to the number of blocks, {number}, found {count}")
    generator = torch.Generator().manual_seed(seed)
    choices = torch.rand(number, number, generator=generator).topk(count, dim=-1).indices
    table = torch.zeros(number, number, dtype=torch.bool).scatter_(1, choices, True)
    return Mask(
        lambda b, h, q, k: table.to(q.device)[q // size, k // size],
        tables=(Table("random_blocks", None, number * size, number * size),),
    )


def by_table(allowed: Shaped[Tensor, "L S"]) -> Mask:
    """The mask of a matrix: query i sees key j where `allowed[i, j]`. Rows and columns beyond the input are not read."""
    table = _bool("by_table", allowed)
    _check_axes("by_table", table, "(L, S)", 2)
    return _by_matrix("by_table", table)


def show(mask: Mask | DenseMask, queries: int = 16, keys: int | None = None, batch: int = 0, head: int = 0) -> str:
    """A drawing: one line for each query, `#` for a key that it sees and `.` for one that it does not.

    >>> print(show(causal(), 3))
    #..
    ##.
    ###
    """
    check_mask(mask)
    if isinstance(mask, DenseMask):
        dense = mask.allowed
    else:
        rows = max((each.rows or 1 for each in mask.tables), default=1)
        dense = mask.dense(max(rows, batch + 1), head + 1, queries, keys or queries)
    lines = dense[min(batch, dense.shape[0] - 1), min(head, dense.shape[1] - 1)]
    return "\n".join("".join("#" if each else "." for each in line) for line in lines.tolist())


def _by_matrix(name: str, table: Tensor) -> Mask:
    return Mask(lambda b, h, q, k: table.to(q.device)[q, k], tables=(Table(name, None, *table.shape),))


def _same_number(name: str, of_queries: Tensor, of_keys: Tensor) -> Mask:
    tables = (
        Table(name, len(of_queries), queries=of_queries.shape[1]),
        Table(name, len(of_keys), keys=of_keys.shape[1]),
    )
    return Mask(lambda b, h, q, k: _at(of_queries, b, q) == _at(of_keys, b, k), tables=tables)


def _at(table: Tensor, b: Tensor, *place: Tensor) -> Tensor:
    """table[b, place], where one row serves the whole batch."""
    table = table.to(b.device)
    return table[(0 if len(table) == 1 else b, *place)]


def _check_axes(name: str, table: Tensor, shape: str, *axes: int) -> None:
    """ValueError for a value that is no tensor, or one with another number of axes."""
    if not isinstance(table, Tensor):
        raise ValueError(f"{name} needs a tensor {shape}, found {type(table).__name__}: torch.tensor(...) makes one")
    if table.ndim not in axes:
        raise ValueError(f"{name} needs a tensor {shape}, found the shape {tuple(table.shape)}")


def _bool(name: str, mask: Tensor) -> Tensor:
    """ValueError for a mask of numbers: 0 and 1 and additive masks with -inf look alike to a reader of tensors."""
    if not isinstance(mask, Tensor) or mask.dtype is not torch.bool:
        actual = mask.dtype if isinstance(mask, Tensor) else type(mask).__name__
        raise ValueError(
            f"{name} needs a mask of type bool, a tensor that is True where a query may attend, found {actual}"
        )
    return mask
