"""Tree-structured attention: the nodes of a parse attend to the nodes below them."""

import torch
from torch import Tensor

from transduce.attention.masks import descendants
from transduce.attention.mechanisms.mechanism import Attention, Mechanism
from transduce.attention.scores import ScaledDotProduct

# S(NP(the cat) VP(saw NP(the dog))): five words, then their phrases
NODES = ("the", "cat", "saw", "the", "dog", "NP", "NP", "VP", "S")
PARENTS = (5, 5, 7, 6, 6, 8, 7, 8, -1)


def parse(batch: int, width: int) -> tuple[Tensor, ...]:
    """The nodes of the sentence; a phrase is the mean of its two parts."""
    vectors = {word: torch.randn(batch, width) / 2 for word in NODES[:5]}
    nodes = [vectors[word] for word in NODES[:5]]
    for phrase in range(5, len(NODES)):
        left, right = (part for part in range(phrase) if PARENTS[part] == phrase)
        nodes.append((nodes[left] + nodes[right]) / 2)
    x = torch.stack(nodes, 1)
    return x, x, x


TREE = Mechanism(
    name="tree",
    purpose="A node of a parse attends to its subtree: a phrase sees its words and no others.",
    formula="softmax_j(q_i . k_j) v_j over the nodes j of the subtree of node i",
    paper="Nguyen et al. 2020, Tree-Structured Attention with Hierarchical Accumulation, 2002.08046 (subtree masks)",
    cost="time and memory N * N for N nodes with a dense mask; no parameters",
    kind="point",
    build=lambda width: Attention(ScaledDotProduct(1.0), mask=descendants(PARENTS)),
    shapes="(B, N, D), (B, N, D), (B, N, V) -> (B, N, V) for N nodes",
    inputs=parse,
    sides=(NODES, NODES),
    caption="A row shows where its node looks: words at themselves, phrases at all that they consist of.",
    note="A decoder that looks at words and phrases alike (Eriguchi et al. 2016, 1603.06075) is dot-product attention over "
    "all nodes, without this mask. The accumulation of the first paper is left out.",
)
