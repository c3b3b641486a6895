"""The mechanisms by name: one row for each file of `mechanisms/`."""

import difflib

from transduce.attention.mechanisms.additive import ADDITIVE
from transduce.attention.mechanisms.causal_attention import CAUSAL
from transduce.attention.mechanisms.channel_wise import CHANNEL_WISE
from transduce.attention.mechanisms.content_based import CONTENT_BASED
from transduce.attention.mechanisms.cooperative import COOPERATIVE
from transduce.attention.mechanisms.danet import DANET
from transduce.attention.mechanisms.dot_product import DOT_PRODUCT
from transduce.attention.mechanisms.dynamic import DYNAMIC
from transduce.attention.mechanisms.dynamic_kernels import DYNAMIC_KERNELS
from transduce.attention.mechanisms.gaussian import GAUSSIAN
from transduce.attention.mechanisms.general import GENERAL
from transduce.attention.mechanisms.generative import GENERATIVE
from transduce.attention.mechanisms.global_attention import GLOBAL
from transduce.attention.mechanisms.graph_attention import GRAPH
from transduce.attention.mechanisms.hard import HARD
from transduce.attention.mechanisms.interactive import INTERACTIVE
from transduce.attention.mechanisms.kernel import KERNEL
from transduce.attention.mechanisms.local import LOCAL
from transduce.attention.mechanisms.location_based import LOCATION_BASED
from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.mechanisms.multi_scale import MULTI_SCALE
from transduce.attention.mechanisms.multi_task import MULTI_TASK
from transduce.attention.mechanisms.sagan import SAGAN
from transduce.attention.mechanisms.scaled_dot_product import SCALED_DOT_PRODUCT
from transduce.attention.mechanisms.sigmoid import SIGMOID
from transduce.attention.mechanisms.softmax_with_sink import SOFTMAX_WITH_SINK
from transduce.attention.mechanisms.sparse import SPARSE
from transduce.attention.mechanisms.sparsemax import SPARSEMAX
from transduce.attention.mechanisms.spatial import SPATIAL
from transduce.attention.mechanisms.spatial_temporal import SPATIAL_TEMPORAL
from transduce.attention.mechanisms.spatially_adaptive import SPATIALLY_ADAPTIVE
from transduce.attention.mechanisms.talking_heads import TALKING_HEADS
from transduce.attention.mechanisms.top_k import TOP_K
from transduce.attention.model_attention import ModelAttention

MECHANISMS: dict[str, Mechanism] = {
    each.name: each
    for each in (
        DOT_PRODUCT,
        GENERAL,
        ADDITIVE,
        SCALED_DOT_PRODUCT,
        GLOBAL,
        LOCAL,
        CONTENT_BASED,
        LOCATION_BASED,
        CAUSAL,
        SPARSE,
        DYNAMIC,
        GRAPH,
        HARD,
        TOP_K,
        SPARSEMAX,
        SIGMOID,
        KERNEL,
        CHANNEL_WISE,
        SPATIAL,
        COOPERATIVE,
        MULTI_SCALE,
        SPATIALLY_ADAPTIVE,
        MULTI_TASK,
        INTERACTIVE,
        DANET,
        SAGAN,
        DYNAMIC_KERNELS,
        GENERATIVE,
        SPATIAL_TEMPORAL,
        SOFTMAX_WITH_SINK,
        TALKING_HEADS,
        GAUSSIAN,
    )
}


# Those that a run file may name for the layers of a model.
MODEL_ATTENTIONS: dict[str, type[ModelAttention]] = {
    name: row.in_models for name, row in MECHANISMS.items() if row.in_models is not None
}


def mechanism(name: str) -> Mechanism:
    """The mechanism called `name`. ValueError with the nearest name, or all of them."""
    if name in MECHANISMS:
        return MECHANISMS[name]
    near = difflib.get_close_matches(name, MECHANISMS, n=1)
    advice = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(MECHANISMS)}"
    raise ValueError(f"there is no attention mechanism {name!r}; {advice}")
