"""Names of published picture networks' tensors: torchvision's AlexNet, timm's EfficientNet and Vision Transformer.

    weights = renamed(published, TIMM_VIT)        published: the file's tensors by name
    network.load_state_dict(weights)

EfficientNet's published weights go with norms of PyTorch's eps, `EfficientNetConfig(norm_eps=1e-5)`; weights whose names begin
with `tf_efficientnet` need another padding and do not fit.
"""

from collections.abc import Mapping

from torch import Tensor

from transduce.networks.transfer import Names, renamings

TORCHVISION_ALEXNET: Names = (
    *(
        (rf"features\.{published}\.(.*)", rf"features.{number}.0.\1")
        for number, published in enumerate((0, 3, 6, 8, 10))  # relus and pools have numbers too
    ),
    (r"classifier\.1\.(.*)", r"linears.0.\1"),
    (r"classifier\.4\.(.*)", r"linears.1.\1"),
    (r"classifier\.6\.(.*)", r"head.\1"),
)

_BLOCK, _FIRST = r"blocks\.(\d+)\.(\d+)\.", r"blocks\.(0)\.(\d+)\."
TIMM_EFFICIENTNET: Names = (
    (r"conv_stem\.(.*)", r"stem.0.\1"),
    (r"bn1\.(.*)", r"stem.1.\1"),
    # the first stage has no expansion: its tensors are numbered one lower
    (_FIRST + r"conv_dw\.(.*)", r"stages.\1.\2.depthwise.0.\3"),
    (_FIRST + r"bn1\.(.*)", r"stages.\1.\2.depthwise.1.\3"),
    (_FIRST + r"conv_pw\.(.*)", r"stages.\1.\2.project.0.\3"),
    (_FIRST + r"bn2\.(.*)", r"stages.\1.\2.project.1.\3"),
    (_BLOCK + r"conv_pw\.(.*)", r"stages.\1.\2.expand.0.\3"),
    (_BLOCK + r"bn1\.(.*)", r"stages.\1.\2.expand.1.\3"),
    (_BLOCK + r"conv_dw\.(.*)", r"stages.\1.\2.depthwise.0.\3"),
    (_BLOCK + r"bn2\.(.*)", r"stages.\1.\2.depthwise.1.\3"),
    (_BLOCK + r"se\.conv_reduce\.(.*)", r"stages.\1.\2.gate.squeeze.\3"),
    (_BLOCK + r"se\.conv_expand\.(.*)", r"stages.\1.\2.gate.excite.\3"),
    (_BLOCK + r"conv_pwl\.(.*)", r"stages.\1.\2.project.0.\3"),
    (_BLOCK + r"bn3\.(.*)", r"stages.\1.\2.project.1.\3"),
    (r"conv_head\.(.*)", r"last.0.\1"),
    (r"bn2\.(.*)", r"last.1.\1"),
    (r"classifier\.(.*)", r"head.\1"),
)

_LAYER = r"blocks\.(\d+)\."
TIMM_VIT: Names = (
    (r"cls_token", r"pool.token"),
    (r"pos_embed", r"positions"),
    (r"patch_embed\.proj\.(.*)", r"patches.\1"),
    (_LAYER + r"norm1\.(.*)", r"encoder.layers.\1.self_attention_norm.\2"),
    (_LAYER + r"attn\.qkv\.(.*)", r"encoder.layers.\1.self_attention.to_query_key_value.\2"),
    (_LAYER + r"attn\.proj\.(.*)", r"encoder.layers.\1.self_attention.to_output.\2"),
    (_LAYER + r"norm2\.(.*)", r"encoder.layers.\1.feed_forward_norm.\2"),
    (_LAYER + r"mlp\.fc1\.(.*)", r"encoder.layers.\1.feed_forward.inner.\2"),
    (_LAYER + r"mlp\.fc2\.(.*)", r"encoder.layers.\1.feed_forward.outer.\2"),
    (r"norm\.(.*)", r"encoder.norm.\1"),
    (r"head\.(.*)", r"head.\1"),
)


def renamed(published: Mapping[str, Tensor], names: Names) -> dict[str, Tensor]:
    """The same tensors under the names here; ValueError for a name that no pattern fits."""
    weights = {}
    for name, tensor in published.items():
        own_name = next(iter(renamings(name, names)), None)
        if own_name is None:
            raise ValueError(f"no tensor of the network corresponds to {name}: expected the weights of another network")
        weights[own_name] = tensor
    return weights
