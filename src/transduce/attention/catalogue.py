"""The mechanisms by name: one row for each file of `mechanisms/`."""

from transduce.attention.mechanisms.adaptive import ADAPTIVE
from transduce.attention.mechanisms.additive import ADDITIVE
from transduce.attention.mechanisms.alibi import ALIBI
from transduce.attention.mechanisms.bigbird import BIGBIRD
from transduce.attention.mechanisms.causal_attention import CAUSAL
from transduce.attention.mechanisms.channel_wise import CHANNEL_WISE
from transduce.attention.mechanisms.co_attention import CO_ATTENTION
from transduce.attention.mechanisms.content_based import CONTENT_BASED
from transduce.attention.mechanisms.contrastive import CONTRASTIVE
from transduce.attention.mechanisms.convolutional import CONVOLUTIONAL
from transduce.attention.mechanisms.cooperative import COOPERATIVE
from transduce.attention.mechanisms.cosine import COSINE
from transduce.attention.mechanisms.coverage import COVERAGE
from transduce.attention.mechanisms.cross import CROSS
from transduce.attention.mechanisms.cross_modal import CROSS_MODAL
from transduce.attention.mechanisms.danet import DANET
from transduce.attention.mechanisms.dilated import DILATED
from transduce.attention.mechanisms.document import DOCUMENT
from transduce.attention.mechanisms.dot_product import DOT_PRODUCT
from transduce.attention.mechanisms.dual import DUAL
from transduce.attention.mechanisms.dual_stream import DUAL_STREAM
from transduce.attention.mechanisms.dynamic import DYNAMIC
from transduce.attention.mechanisms.dynamic_convolutional import DYNAMIC_CONVOLUTIONAL
from transduce.attention.mechanisms.dynamic_kernels import DYNAMIC_KERNELS
from transduce.attention.mechanisms.entmax_attention import ENTMAX
from transduce.attention.mechanisms.feedback import FEEDBACK
from transduce.attention.mechanisms.fine_grained import FINE_GRAINED
from transduce.attention.mechanisms.gaussian import GAUSSIAN
from transduce.attention.mechanisms.general import GENERAL
from transduce.attention.mechanisms.generative import GENERATIVE
from transduce.attention.mechanisms.global_attention import GLOBAL
from transduce.attention.mechanisms.global_local import GLOBAL_LOCAL
from transduce.attention.mechanisms.graph_attention import GRAPH
from transduce.attention.mechanisms.hard import HARD
from transduce.attention.mechanisms.heterogeneous import MULTI_HEAD_MULTI_RELATIONAL
from transduce.attention.mechanisms.hierarchical import HIERARCHICAL
from transduce.attention.mechanisms.interactive import INTERACTIVE
from transduce.attention.mechanisms.kernel import KERNEL
from transduce.attention.mechanisms.local import LOCAL
from transduce.attention.mechanisms.local_predictive import LOCAL_PREDICTIVE
from transduce.attention.mechanisms.location_based import LOCATION_BASED
from transduce.attention.mechanisms.location_hybrid import LOCATION_HYBRID
from transduce.attention.mechanisms.masked import MASKED
from transduce.attention.mechanisms.masked_language_modeling import MASKED_LANGUAGE_MODELING
from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.mechanisms.memory import MEMORY
from transduce.attention.mechanisms.mocha import MOCHA
from transduce.attention.mechanisms.monotonic import MONOTONIC
from transduce.attention.mechanisms.multi_head import MULTI_HEAD
from transduce.attention.mechanisms.multi_level import MULTI_LEVEL
from transduce.attention.mechanisms.multi_modal import MULTI_MODAL
from transduce.attention.mechanisms.multi_relational import MULTI_RELATIONAL
from transduce.attention.mechanisms.multi_scale import MULTI_SCALE
from transduce.attention.mechanisms.multi_step import MULTI_STEP
from transduce.attention.mechanisms.multi_task import MULTI_TASK
from transduce.attention.mechanisms.multi_view import MULTI_VIEW
from transduce.attention.mechanisms.opponent import OPPONENT
from transduce.attention.mechanisms.prefix import PREFIX
from transduce.attention.mechanisms.relative import RELATIVE
from transduce.attention.mechanisms.rotary import ROTARY
from transduce.attention.mechanisms.sagan import SAGAN
from transduce.attention.mechanisms.scaled_dot_product import SCALED_DOT_PRODUCT
from transduce.attention.mechanisms.self_attention import SELF
from transduce.attention.mechanisms.set_attention import SET
from transduce.attention.mechanisms.sigmoid import SIGMOID
from transduce.attention.mechanisms.single_head import SINGLE_HEAD
from transduce.attention.mechanisms.sink import SINK
from transduce.attention.mechanisms.soft_capped import SOFT_CAPPED
from transduce.attention.mechanisms.sparse import SPARSE
from transduce.attention.mechanisms.sparsemax import SPARSEMAX
from transduce.attention.mechanisms.spatial import SPATIAL
from transduce.attention.mechanisms.spatial_temporal import SPATIAL_TEMPORAL
from transduce.attention.mechanisms.spatially_adaptive import SPATIALLY_ADAPTIVE
from transduce.attention.mechanisms.structured import STRUCTURED
from transduce.attention.mechanisms.t5 import T5
from transduce.attention.mechanisms.talking_heads import TALKING_HEADS
from transduce.attention.mechanisms.task_specific import TASK_SPECIFIC
from transduce.attention.mechanisms.time_based import TIME_BASED
from transduce.attention.mechanisms.top_k import TOP_K
from transduce.attention.mechanisms.tree import TREE
from transduce.attention.mechanisms.two_stream import TWO_STREAM
from transduce.attention.mechanisms.visual_sentinel import VISUAL_SENTINEL
from transduce.attention.model_attention import ModelAttention
from transduce.terminal import unknown

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
        TALKING_HEADS,
        GAUSSIAN,
        MONOTONIC,
        MOCHA,
        STRUCTURED,
        FEEDBACK,
        DYNAMIC_CONVOLUTIONAL,
        TREE,
        MULTI_RELATIONAL,
        MULTI_HEAD_MULTI_RELATIONAL,
        LOCATION_HYBRID,
        COVERAGE,
        VISUAL_SENTINEL,
        BIGBIRD,
        PREFIX,
        DILATED,
        DOCUMENT,
        ALIBI,
        ROTARY,
        T5,
        COSINE,
        SINK,
        SOFT_CAPPED,
        RELATIVE,
        MULTI_HEAD,
        SINGLE_HEAD,
        SELF,
        CROSS,
        MASKED,
        LOCAL_PREDICTIVE,
        GLOBAL_LOCAL,
        ADAPTIVE,
        CONVOLUTIONAL,
        ENTMAX,
        FINE_GRAINED,
        SET,
        HIERARCHICAL,
        TIME_BASED,
        MULTI_VIEW,
        MULTI_MODAL,
        CROSS_MODAL,
        CO_ATTENTION,
        DUAL,
        DUAL_STREAM,
        TWO_STREAM,
        MEMORY,
        MULTI_STEP,
        MULTI_LEVEL,
        CONTRASTIVE,
        OPPONENT,
        TASK_SPECIFIC,
        MASKED_LANGUAGE_MODELING,
    )
}


# Those that a run file may name for the layers of a model.
MODEL_ATTENTIONS: dict[str, type[ModelAttention]] = {
    name: row.in_models for name, row in MECHANISMS.items() if row.in_models is not None
}


def mechanism(name: str) -> Mechanism:
    """The mechanism called `name`. ValueError with the nearest name, or the command that lists all."""
    if name not in MECHANISMS:
        raise ValueError(unknown("attention mechanism", name, MECHANISMS, "transduce attention"))
    return MECHANISMS[name]
