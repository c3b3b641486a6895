"""Oracles of the mechanisms on pictures and videos, and of the parts with rows of their own."""

import math

import torch
from oracles import build, oracle
from torch import nn
from torch.nn import functional as F

from transduce.attention.catalogue import MECHANISMS
from transduce.attention.linear import PositiveRandomFeatures, degree_two, elu_plus_one
from transduce.attention.masks import causal, within_lengths
from transduce.attention.mechanisms.channel_wise import EfficientChannel
from transduce.attention.mechanisms.interactive import TwoWayBlock
from transduce.attention.mechanisms.mechanism import Attention
from transduce.attention.mechanisms.multi_scale import DeformableAttention, sample_levels
from transduce.attention.mechanisms.multi_task import TaskGates
from transduce.attention.mechanisms.pictures import Gated, to_tokens
from transduce.attention.mechanisms.spatial_temporal import JointSpaceTime, Video
from transduce.attention.mechanisms.spatially_adaptive import affine_sample
from transduce.attention.scores import FeatureKernel
from vision_libraries import timm

B, D, SIDE = 2, 8, 4


@torch.no_grad()
def randomise(module):
    """Random parameters and statistics of batch norms, also where a module begins with zeros."""
    for each in module.parameters():
        each.normal_(std=0.5)
    for each in module.modules():
        if isinstance(each, nn.BatchNorm2d):
            each.running_mean.normal_()
            each.running_var.uniform_(0.5, 2.0)
    return module.double().eval()


def random_build(name):
    module, *inputs = build(name, B, D)
    return randomise(module), *inputs


@torch.no_grad()
def copy(pairs):
    """Weights and biases of our layers from theirs; theirs may be convolutions of one pixel."""
    for ours, theirs in pairs:
        ours.weight.copy_(theirs.weight.view_as(ours.weight))
        if ours.bias is not None:
            ours.bias.copy_(theirs.bias)


@torch.no_grad()
def zero(*modules):
    for module in modules:
        for each in module.parameters():
            each.zero_()


@oracle("channel-wise", "timm SEModule and EcaModule; zero weights scale by a half")
def channel_wise():
    module, x = random_build("channel-wise")
    theirs = randomise(timm.layers.SEModule(D, rd_channels=D // 2))
    copy([(module.gate.squeeze, theirs.fc1), (module.gate.excite, theirs.fc2)])
    yield module(x), theirs(x)
    zero(module.gate.excite)
    yield module(x), x / 2
    efficient, theirs = randomise(Gated(EfficientChannel(5))), randomise(timm.layers.EcaModule(kernel_size=5))
    copy([(efficient.gate.mix, theirs.conv)])
    yield efficient(x), theirs(x)


def fold_batch_norm(ours, convolution, norm):
    """A convolution that is `convolution` and then `norm` in evaluation."""
    with torch.no_grad():
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        ours.weight.copy_(convolution.weight * scale[:, None, None, None])
        ours.bias.copy_(norm.bias - norm.running_mean * scale)


@oracle("spatial", "timm SpatialAttn, its batch norm in the weight and bias; a zero convolution scales by a half")
def spatial():
    module, x = random_build("spatial")
    theirs = randomise(timm.layers.cbam.SpatialAttn())
    fold_batch_norm(module.gate.convolution, theirs.conv.conv, theirs.conv.bn)
    yield module(x), theirs(x)
    zero(module.gate.convolution)
    yield module(x), x / 2


@oracle("cooperative", "timm CbamModule; zero weights scale by a quarter")
def cooperative():
    module, x = random_build("cooperative")
    theirs = randomise(timm.layers.cbam.CbamModule(D // 2, rd_channels=D // 4))
    gate = module.channels.gate
    copy([(gate.squeeze, theirs.channel.fc1), (gate.excite, theirs.channel.fc2)])
    fold_batch_norm(module.pixels.gate.convolution, theirs.spatial.conv.conv, theirs.spatial.conv.bn)
    yield module(x), theirs(x)
    yield module.weights(x) * x, theirs(x)
    zero(gate.excite, module.pixels.gate.convolution)
    yield module(x), x / 4


@oracle(
    "multi-scale",
    "transformers DeformableDetrMultiscaleDeformableAttention; a matrix of bilinear weights; dense attention",
)
def multi_scale():
    from transformers import DeformableDetrConfig
    from transformers.models.deformable_detr import modeling_deformable_detr as detr

    ours = randomise(DeformableAttention(D, 2, 2, 3))
    config = DeformableDetrConfig(d_model=D, num_feature_levels=2)
    theirs = randomise(detr.DeformableDetrMultiscaleDeformableAttention(config, 2, 3))
    copy(
        [
            (ours.to_offsets, theirs.sampling_offsets),
            (ours.to_weights, theirs.attention_weights),
            (ours.to_value, theirs.value_proj),
            (ours.to_output, theirs.output_proj),
        ]
    )
    sizes = [(4, 5), (2, 3)]
    levels = [torch.randn(B, D, *size).double() for size in sizes]
    query, reference = torch.randn(B, 6, D).double(), torch.rand(B, 6, 2, 2).double()
    pixels = torch.cat([to_tokens(level) for level in levels], 1)
    expected, _ = theirs(
        query,
        encoder_hidden_states=pixels,
        reference_points=reference,
        spatial_shapes=torch.tensor(sizes),
        spatial_shapes_list=sizes,
        level_start_index=torch.tensor([0, 20]),
    )
    yield ours(query, reference, *levels), expected
    values = ours.to_value(pixels).unflatten(-1, (2, -1)).transpose(1, 2)  # (B, H, N, E)
    heads = ours.weights(query, reference, *levels) @ values
    yield ours(query, reference, *levels), ours.to_output(heads.transpose(1, 2).flatten(2))
    # points on all pixel centres are dense attention
    axes = [(torch.arange(n).double() + 0.5) / n for n in sizes[0]]
    centres = torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1], -1).flatten(0, 1)  # (N, 2), x first
    weights = torch.randn(B, 2, 6, 1, 20).double().softmax(-1)
    level = levels[0].unflatten(1, (2, -1))
    dense = sample_levels([level], centres.expand(B, 2, 6, 1, -1, 2), weights)
    yield dense, weights[:, :, :, 0] @ level.flatten(3).mT


def bilinear(picture, theta, height, width):
    """Loops over output pixels and the four input pixels around each point."""
    channels, h, w = picture.shape
    output = torch.zeros(channels, height, width).double()
    for i in range(height):
        for j in range(width):
            place = torch.tensor([(2 * j + 1) / width - 1, (2 * i + 1) / height - 1, 1.0], dtype=torch.float64)
            x, y = (((theta @ place)[axis].item() + 1) * n / 2 - 0.5 for axis, n in enumerate((w, h)))
            for row in (math.floor(y), math.floor(y) + 1):
                for column in (math.floor(x), math.floor(x) + 1):
                    if 0 <= row < h and 0 <= column < w:
                        share = (1 - abs(y - row)) * (1 - abs(x - column))
                        output[:, i, j] += share * picture[:, row, column]
    return output


@oracle("spatially-adaptive", "loops over pixels; identity, flip, shift by a pixel and centre crop")
def spatially_adaptive():
    module, x = random_build("spatially-adaptive")
    theta = module.localise(x)
    yield module(x), torch.stack([bilinear(each, t, 2, 2) for each, t in zip(x, theta, strict=True)])
    yield module.weights(x), dense_totals(x, theta)

    def sampled(rows, height=SIDE, width=SIDE):
        return affine_sample(x, torch.tensor(rows).double().expand(B, 2, 3), height, width)

    yield sampled([[1.0, 0, 0], [0, 1, 0]]), x
    yield sampled([[-1.0, 0, 0], [0, 1, 0]]), x.flip(-1)
    yield sampled([[1.0, 0, 2 / SIDE], [0, 1, 0]]), F.pad(x[..., 1:], (0, 1))
    yield sampled([[0.5, 0, 0], [0, 0.5, 0]], SIDE // 2, SIDE // 2), x[..., 1:-1, 1:-1]
    skewed = torch.randn(B, 2, 3).double()
    expected = torch.stack([bilinear(each, t, 3, 5) for each, t in zip(x, skewed, strict=True)])
    yield affine_sample(x, skewed, 3, 5), expected


def dense_totals(x, theta):
    """The gradient of the sum of the output: how often each input pixel counts."""
    ones = torch.ones(B, 1, *x.shape[2:]).double().requires_grad_()
    (totals,) = torch.autograd.grad(affine_sample(ones, theta, 2, 2).sum(), ones)
    return totals.squeeze(1)


@oracle("multi-task", "the formula, task by task; zero gates scale by a half; open gates are the shared trunk")
def multi_task():
    module, u, p = random_build("multi-task")
    yield module(u, p), torch.stack([gate_of_task(gate, u) * p for gate in module.gates], 1)
    later = randomise(TaskGates(D, D, 5, 3, previous=4))
    before = torch.randn(B, 3, 4, SIDE, SIDE).double()
    expected = [gate_of_task(gate, torch.cat([u, before[:, task]], 1)) * p for task, gate in enumerate(later.gates)]
    yield later(u, p, before), torch.stack(expected, 1)
    both = p.unsqueeze(1).expand(-1, 2, -1, -1, -1)
    for bias, share in ((0.0, 0.5), (50.0, 1.0)):
        with torch.no_grad():
            for gate in module.gates:
                gate[4].weight.zero_()
                gate[4].bias.fill_(bias)
        yield module(u, p), share * both


def gate_of_task(gate, x):
    first, norm, _, second, last_norm, _ = gate

    def linear(layer, norm, x):
        y = torch.einsum("bchw,oc->bohw", x, layer.weight[:, :, 0, 0]) + layer.bias[:, None, None]
        by_channel = (each[:, None, None] for each in (norm.running_mean, norm.running_var, norm.weight, norm.bias))
        mean, variance, weight, bias = by_channel
        return (y - mean) / (variance + norm.eps).sqrt() * weight + bias

    return linear(second, last_norm, linear(first, norm, x).clamp(min=0)).sigmoid()


def copy_projections(ours, query, key, value, output):
    with torch.no_grad():
        maps = (query, key, value)
        ours.to_query_key_value.weight.copy_(torch.cat([each.weight for each in maps]))
        ours.to_query_key_value.bias.copy_(
            torch.cat([torch.zeros(len(each.weight)) if each.bias is None else each.bias for each in maps])
        )
    copy([(ours.to_output, output)])


@oracle("interactive", "transformers SamTwoWayAttentionBlock")
def interactive():
    from transformers import SamMaskDecoderConfig
    from transformers.models.sam.modeling_sam import SamTwoWayAttentionBlock

    config = SamMaskDecoderConfig(hidden_size=D, num_attention_heads=2, mlp_dim=12, attn_implementation="sdpa")
    theirs, ours = randomise(SamTwoWayAttentionBlock(config)), randomise(TwoWayBlock(D, 2, 12))
    for mine, other in (
        (ours.between_prompts, theirs.self_attn),
        (ours.to_pixels, theirs.cross_attn_token_to_image),
        (ours.to_prompts, theirs.cross_attn_image_to_token),
    ):
        copy_projections(mine, other.q_proj, other.k_proj, other.v_proj, other.out_proj)
    copy([(ours.network[0], theirs.mlp.lin1), (ours.network[2], theirs.mlp.lin2)])
    copy((norm, getattr(theirs, f"layer_norm{number}")) for number, norm in enumerate(ours.norms, 1))
    for norm in ours.norms:
        norm.eps = config.layer_norm_eps
    _, *inputs = build("interactive", B, D)
    prompts, pixels, _ = theirs(*(each[:, None] for each in inputs), attention_similarity=None)
    yield ours(*inputs), torch.cat([prompts, pixels], 2).squeeze(1)


def one_pixel(linear, x):
    """A linear map as a convolution."""
    return F.conv2d(x, linear.weight[:, :, None, None], linear.bias)


@oracle("danet", "scaled_dot_product_attention after convolutions, and between channels; gates of 0: twice x")
def danet():
    module, x = random_build("danet")
    places = module.positions
    maps = (places.to_query, places.to_key, places.to_value)
    q, k, v = (one_pixel(each, x).flatten(2).mT for each in maps)
    by_position = F.scaled_dot_product_attention(q, k, v, scale=1.0).mT.reshape(x.shape)
    rows = x.flatten(2)
    by_channel = F.scaled_dot_product_attention(rows, rows, rows, scale=1.0).view_as(x)
    yield module(x), places.gate * by_position + module.channels.gate * by_channel + 2 * x
    yield module.channels.weights(x), torch.einsum("bihw,bjhw->bij", x, x).softmax(-1)
    with torch.no_grad():
        places.gate.zero_()
    yield places(x), x
    with torch.no_grad():
        module.channels.gate.zero_()
    yield module(x), 2 * x


@oracle("sagan", "scaled_dot_product_attention with scale 1 after convolutions; a gate of 0: the identity")
def sagan():
    module, x = random_build("sagan")
    g, f, h = (one_pixel(each, x).flatten(2).mT for each in (module.g, module.f, module.h))
    context = F.scaled_dot_product_attention(g, f, h, scale=1.0).mT.reshape(B, -1, SIDE, SIDE)
    yield module(x), module.gate * one_pixel(module.v, context) + x
    beta = torch.einsum("bni,bnj->bij", f.mT, g.mT).softmax(1)  # of the paper: key i, query j
    yield module.weights(x), beta.mT
    with torch.no_grad():
        module.gate.zero_()
    yield module(x), x


@oracle(
    "dynamic-kernels", "timm CondConv2d; a mixture of outputs; one kernel: conv2d; equal shares at a high temperature"
)
def dynamic_kernels():
    module, x = random_build("dynamic-kernels")
    theirs = timm.layers.CondConv2d(D, D, 3, padding=1, bias=True, num_experts=4).double()
    with torch.no_grad():
        theirs.weight.copy_(module.kernels.flatten(1))
        theirs.bias.copy_(module.biases)
    yield module(x), theirs(x, module.mixture(x))
    outputs = [F.conv2d(x, w, b, padding=1) for w, b in zip(module.kernels, module.biases, strict=True)]
    yield module(x), torch.einsum("bk,kbohw->bohw", module.mixture(x), torch.stack(outputs))
    module.temperature = 1e12
    yield module(x), F.conv2d(x, module.kernels.mean(0), module.biases.mean(0), padding=1)
    single = randomise(type(module)(D, 5, size=5, kernels=1))
    yield single(x), F.conv2d(x, single.kernels[0], single.biases[0], padding=2)


@oracle("generative", "scaled_dot_product_attention with scale 1; one word is the context everywhere; padding left out")
def generative():
    module, picture, words = random_build("generative")
    keys = words @ module.to_picture_space.weight.t()
    expected = F.scaled_dot_product_attention(picture.flatten(2).mT, keys, keys, scale=1.0)
    yield module(picture, words), expected.mT.reshape(picture.shape)
    yield module(picture, words[:, :1]), keys[:, 0, :, None, None].expand_as(picture)
    padded = module(picture, words, within_lengths(torch.tensor([6, 3])))
    yield padded[1:], module(picture[1:], words[1:, :3])


def timesformer(kind, attention, norm, frames, patches):
    """A layer of theirs with our weights, without its network: maps tokens with a summary token first."""
    from transformers import TimesformerConfig
    from transformers.models.timesformer.modeling_timesformer import TimesformerLayer

    side = math.isqrt(patches)
    config = TimesformerConfig(
        image_size=side, patch_size=1, num_frames=frames, hidden_size=D, num_attention_heads=2, attention_type=kind
    )
    layer = randomise(TimesformerLayer(config, 0))
    zero(layer.output.dense)
    copy([(layer.layernorm_before, norm)])
    copy_to_packed(layer.attention, attention)
    layer.layernorm_before.eps = norm.eps
    return layer


@torch.no_grad()
def copy_to_packed(theirs, ours):
    theirs.attention.qkv.weight.copy_(ours.to_query_key_value.weight)
    theirs.attention.qkv.bias.copy_(ours.to_query_key_value.bias)
    copy([(theirs.output.dense, ours.to_output)])


@oracle(
    "spatial-temporal",
    "transformers TimesformerLayer, divided, joint and space only; one frame needs no weights over time",
)
def spatial_temporal():
    module, frames = random_build("spatial-temporal")
    summary = torch.randn(B, 1, D).double()
    _, count, patches, _ = frames.shape
    joint = randomise(JointSpaceTime(D, 2))
    flat = torch.cat([summary, frames.flatten(1, 2)], 1)
    theirs = timesformer("joint_space_time", joint.over_all, joint.norm, count, patches)
    yield joint(flat), theirs(flat)[0]

    layer = timesformer("divided_space_time", module.over_space, module.norm_space, count, patches)
    copy([(layer.temporal_layernorm, module.norm_time)])
    layer.temporal_layernorm.eps = module.norm_time.eps
    copy_to_packed(layer.temporal_attention, module.over_time)
    with torch.no_grad():  # theirs has one linear map more, which joins the output map
        layer.temporal_dense.weight.copy_(torch.eye(D))
        layer.temporal_dense.bias.zero_()
    # theirs goes through the tokens patch by patch
    output = layer(torch.cat([summary, frames.transpose(1, 2).flatten(1, 2)], 1))[0]
    ours = module.with_summary(Video(frames, summary))
    yield ours.frames, output[:, 1:].unflatten(1, (patches, count)).transpose(1, 2)
    yield ours.summary, output[:, :1]

    # without temporal attention a frame is a sequence by itself
    zero(module.over_time.to_output)
    space = timesformer("space_only", module.over_space, module.norm_space, 1, patches)
    apart = frames.flatten(0, 1)
    alone = torch.stack(
        [space(torch.cat([s, f], 1))[0] for f, s in zip(apart.split(1), each_frame(summary), strict=True)]
    )
    yield module.with_summary(Video(frames, summary)).frames.flatten(0, 1), alone[:, 0, 1:]

    single, (one, _) = randomise(type(module)(D, 2)), frames.split([1, count - 1], 1)
    zero(single.over_space.to_output)
    value = single.over_time.to_query_key_value.part(single.norm_time(one), 2, 3)
    yield single(one), one + single.over_time.to_output(value)


def each_frame(summary):
    return summary.repeat_interleave(3, 0).split(1)


@oracle(
    "kernel",
    "loops over keys; (q k)^2 for products of two features; the matrix form with a causal mask; padding left out",
)
def kernel():
    module, query, key, value = build("kernel", B, D)

    def phi(x):
        return torch.where(x > 0, x + 1, x.exp())

    rows = []
    for b in range(B):
        for q in query[b]:
            scores = torch.stack([phi(q) @ phi(k) for k in key[b]])
            rows.append(scores @ value[b] / scores.sum())
    yield module(query, key, value), torch.stack(rows).view_as(value)
    squares = (query @ key.mT).square()
    yield Attention(FeatureKernel(degree_two))(query, key, value), squares / squares.sum(-1, keepdim=True) @ value
    for features in (elu_plus_one, degree_two, PositiveRandomFeatures(D, 16)):
        weights = (features(query) @ features(key).mT).tril()
        fast = Attention(FeatureKernel(features))
        yield fast(query, key, value, causal()), weights / weights.sum(-1, keepdim=True) @ value
    padded = module(query, key, value, within_lengths(torch.tensor([6, 2])))
    yield padded[1:], module(query[1:], key[1:, :2], value[1:, :2])


@oracle("talking-heads", "timm TalkingHeadAttn; identity mixtures: torch.nn.MultiheadAttention")
def talking_heads():
    from timm.models.cait import TalkingHeadAttn

    module, x = random_build("talking-heads")
    theirs, attention = randomise(TalkingHeadAttn(D, 2, qkv_bias=True)), module.attention
    copy([(theirs.qkv, attention.to_query_key_value), (theirs.proj, attention.to_output)])
    with torch.no_grad():  # theirs has a bias for each head too
        for linear, mixed in ((theirs.proj_l, module.mixed_scores), (theirs.proj_w, module.mixed_weights)):
            linear.weight.copy_(mixed.mixture.t())
            linear.bias.zero_()
    yield module(x), theirs(x)
    plain = nn.MultiheadAttention(D, 2, batch_first=True).double()
    with torch.no_grad():
        plain.in_proj_weight.copy_(attention.to_query_key_value.weight)
        plain.in_proj_bias.copy_(attention.to_query_key_value.bias)
        for each in (module.mixed_scores, module.mixed_weights):
            each.mixture.copy_(torch.eye(2))
    copy([(plain.out_proj, attention.to_output)])
    yield module(x), plain(x, x, x)[0]


@oracle(
    "gaussian",
    "the weights multiplied after the softmax, and divided by their sum; a wide window: dot-product attention",
)
def gaussian():
    module, query, key, value = random_build("gaussian")
    hidden, _, last = module.to_centre
    places = 6 * (torch.tanh(query @ hidden.weight.t()) @ last.weight[0]).sigmoid()
    near = torch.exp(-((torch.arange(6) - places[..., None]) ** 2) / 2)
    weights = (query @ key.mT).softmax(-1) * near
    yield module(query, key, value), weights / weights.sum(-1, keepdim=True) @ value
    module.deviation = 1e9
    yield module(query, key, value), MECHANISMS["dot-product"].build(D)(query, key, value)
