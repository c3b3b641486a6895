"""The layers by name: one row for each formula of this package. Position encodings have theirs in attention."""

from transduce.layers.atlas.activation_functions import GELU, RELU, SIGMOID, SILU, TANH
from transduce.layers.atlas.batch_norm import BATCH_NORM
from transduce.layers.atlas.conv2d import CONV2D
from transduce.layers.atlas.embedding import EMBEDDING
from transduce.layers.atlas.group_norm import GROUP_NORM
from transduce.layers.atlas.gru import GRU_RESET_AFTER, GRU_RESET_BEFORE
from transduce.layers.atlas.initialisation import HE, XAVIER
from transduce.layers.atlas.instance_norm import INSTANCE_NORM
from transduce.layers.atlas.inverted_dropout import DROPOUT, DROPOUT2D
from transduce.layers.atlas.layer import Layer
from transduce.layers.atlas.layer_norm import LAYER_NORM
from transduce.layers.atlas.linear_map import LINEAR
from transduce.layers.atlas.lstm import LSTM
from transduce.layers.atlas.pooling import AVERAGE_POOL2D, MAX_POOL2D
from transduce.layers.atlas.residual import POST_NORM, PRE_NORM
from transduce.layers.atlas.root_mean_square_norm import RMS_NORM
from transduce.layers.atlas.simple_rnn import SIMPLE_RNN
from transduce.layers.atlas.softmax import SOFTMAX
from transduce.layers.atlas.transposed_conv2d import TRANSPOSED_CONV2D
from transduce.layers.atlas.upsampling import (
    UPSAMPLE_BILINEAR,
    UPSAMPLE_BILINEAR_ALIGNED,
    UPSAMPLE_NEAREST,
    UPSAMPLE_NEAREST_EXACT,
    UPSAMPLE_TRANSPOSED,
)

LAYERS: dict[str, Layer] = {
    each.name: each
    for each in (
        LINEAR,
        EMBEDDING,
        RELU,
        SIGMOID,
        TANH,
        GELU,
        SILU,
        SOFTMAX,
        CONV2D,
        TRANSPOSED_CONV2D,
        MAX_POOL2D,
        AVERAGE_POOL2D,
        UPSAMPLE_NEAREST,
        UPSAMPLE_NEAREST_EXACT,
        UPSAMPLE_BILINEAR,
        UPSAMPLE_BILINEAR_ALIGNED,
        UPSAMPLE_TRANSPOSED,
        SIMPLE_RNN,
        LSTM,
        GRU_RESET_AFTER,
        GRU_RESET_BEFORE,
        BATCH_NORM,
        LAYER_NORM,
        INSTANCE_NORM,
        GROUP_NORM,
        RMS_NORM,
        POST_NORM,
        PRE_NORM,
        DROPOUT,
        DROPOUT2D,
        XAVIER,
        HE,
    )
}
