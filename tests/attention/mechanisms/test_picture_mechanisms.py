"""Properties of the mechanisms on pictures and videos, and of the parts with rows of their own, that are no pairs of tensors."""

import pytest
import torch
from oracles_pictures import B, D, random_build, randomise
from torch.nn import functional as F

from transduce.attention.linear import PositiveRandomFeatures
from transduce.attention.masks import by_table, within_lengths
from transduce.attention.mechanisms.channel_wise import EfficientChannel
from transduce.attention.mechanisms.dynamic_kernels import DynamicConvolution
from transduce.attention.mechanisms.interactive import TwoWayBlock
from transduce.attention.mechanisms.mechanism import Attention
from transduce.attention.mechanisms.multi_scale import DeformableAttention
from transduce.attention.mechanisms.multi_task import TaskGates
from transduce.attention.mechanisms.pictures import bilinear_weights
from transduce.attention.mechanisms.spatial import SpatialGate
from transduce.attention.mechanisms.spatial_temporal import DividedSpaceTime
from transduce.attention.scores import FeatureKernel


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(13)


def close(x, y):
    torch.testing.assert_close(x, y)


def test_gates_of_channels_ignore_the_order_of_the_pixels_and_gates_of_pixels_that_of_the_channels():
    module, x = random_build("channel-wise")
    pixels = torch.randperm(16)
    close(module.gate(x.flatten(2)[..., pixels].view_as(x)), module.gate(x))
    module, x = random_build("spatial")
    close(module.gate(x[:, torch.randperm(D)]), module.gate(x))


def test_the_weights_times_the_picture_are_the_output_of_a_gate():
    for name in ("channel-wise", "spatial"):
        module, x = random_build(name)
        weights = module.weights(x)
        factors = weights.unflatten(1, (1, -1)) if name == "spatial" else weights.mT[..., None]
        close(factors * x, module(x))


def test_weights_of_bilinear_samples():
    points = torch.tensor([[-0.5, 0.0], [0.0, 0.0], [1.0, 0.0], [3.0, 0.0]])
    assert bilinear_weights(points, 1, 2).tolist() == [[1, 0], [0.5, 0.5], [0, 0.5], [0, 0]]


def test_deformable_attention_begins_with_points_around_the_reference():
    module, *inputs = DeformableAttention(D, 4, 1, 2), torch.randn(1, 1, D), torch.full((1, 1, 1, 2), 0.5)
    places, weights = module.places_and_weights(*inputs, [torch.randn(1, D, 10, 10)])
    offsets = (10 * (places - 0.5)).round()[0, :, 0, 0]  # (H, K, 2), in pixels
    assert offsets.tolist() == [[[n * x, n * y] for n in (1, 2)] for x, y in ((1, 0), (0, 1), (-1, 0), (0, -1))]
    assert (weights == 0.5).all()


def test_hidden_pixels_of_a_pyramid_count_nothing():
    module, query, reference, *levels = random_build("multi-scale")
    shown = [torch.ones(B, *level.shape[2:], dtype=torch.bool) for level in levels]
    close(module(query, reference, *levels, valid=shown), module(query, reference, *levels))
    shown[0][:, :, 2:] = False
    weights = module.weights(query, reference, *levels, valid=shown)[..., :16].unflatten(-1, (4, 4))
    assert (weights[..., 2:] == 0).all() and (weights[..., :2] > 0).any()
    output = module(query, reference, *levels, valid=shown)
    levels[0] = levels[0].clone()
    levels[0][..., 2:] = torch.nan
    close(module(query, reference, *levels, valid=shown), output)


def test_the_loss_of_a_task_leaves_the_gates_of_other_tasks_alone():
    module, u, p = random_build("multi-task")
    module(u, p)[:, 0].sum().backward()
    assert all((each.grad != 0).any() for each in list(module.gates[0].parameters())[-2:])
    assert all(each.grad is None or (each.grad == 0).all() for each in module.gates[1].parameters())


def test_prompts_may_be_permuted_and_padded():
    module, prompts, pixels, places, pixel_places = random_build("interactive")
    order = torch.tensor([2, 0, 1])
    one = module.streams(prompts, pixels, places, pixel_places)
    other = module.streams(prompts[:, order], pixels, places[:, order], pixel_places)
    close(other.prompts, one.prompts[:, order])
    close(other.pixels, one.pixels)
    two = module.streams(prompts[:, :2], pixels, places[:, :2], pixel_places)
    padded = module.streams(prompts, pixels, places, pixel_places, within_lengths(torch.tensor([2, 2])))
    close(padded.prompts[:, :2], two.prompts)
    close(padded.pixels, two.pixels)


def test_places_have_no_influence_on_values():
    """Without a way from places to queries and keys they change nothing."""
    module, prompts, pixels, places, pixel_places = random_build("interactive")
    for attention in (module.between_prompts, module.to_pixels, module.to_prompts):
        query, key, _ = attention.to_query_key_value.outputs
        with torch.no_grad():
            attention.to_query_key_value.weight[: query + key].zero_()
    close(module(prompts, pixels, 0 * places, 0 * pixel_places), module(prompts, pixels, places, pixel_places))


def test_patches_see_their_frame_and_their_own_past_and_future():
    """A token depends on all tokens of the frames of its patch, and on nothing else after one block: all, in two steps."""
    module, frames = random_build("spatial-temporal")
    over_time, over_space = module.weights(frames).unbind(1)
    assert ((over_time > 0).sum(-1) == 3).all() and ((over_space > 0).sum(-1) == 4).all()
    assert ((over_space @ over_time) > 0).all()
    close(module(frames.flip(1)), module(frames).flip(1))  # without positions the order of the frames does not matter


@pytest.mark.parametrize("name", ["kernel", "gaussian", "sink"])
def test_nan_behind_a_mask_has_no_influence(name):
    module, query, key, value = random_build(name)
    for mask in (
        within_lengths(torch.tensor([3, 3])),
        by_table(torch.ones(6, 6, dtype=torch.bool).tril() & (torch.arange(6) < 3)),
    ):
        output = module(query, key, value, mask)
        bad_key, bad_value = key.clone(), value.clone()
        bad_key[:, 3:], bad_value[:, 3:] = torch.nan, torch.nan
        close(module(query, bad_key, bad_value, mask), output)


def test_padded_words_have_no_influence():
    module, picture, words = random_build("generative")
    mask = within_lengths(torch.tensor([4, 2]))
    weights = module.weights(picture, words, mask)
    assert (weights[0, :, 4:] == 0).all() and (weights[1, :, 2:] == 0).all()
    bad = words.clone()
    bad[:, 4:] = torch.nan
    close(module(picture, bad, mask), module(picture, words, mask))


def test_more_random_features_come_nearer_to_softmax_attention():
    query, key, value = torch.randn(3, 4, 32, D).double()
    query, key = query / 2, key / 2
    exact = F.scaled_dot_product_attention(query, key, value)

    def error(features):
        draws = [
            Attention(FeatureKernel(PositiveRandomFeatures(D, features, seed)))(query, key, value) for seed in range(5)
        ]
        return torch.stack([(each - exact).square().mean() for each in draws]).mean().sqrt()

    errors = [error(features) for features in (16, 128, 1024)]
    assert errors[0] > 1.5 * errors[1] > 2.25 * errors[2]


def test_a_sink_takes_what_the_keys_do_not():
    module, query, key, value = random_build("sink")
    sums = module.weights(query, key, value).sum(-1)
    assert ((sums > 0) & (sums < 1)).all()
    with torch.no_grad():
        module.normalise.sinks.fill_(1e4)
    assert (module(query, key, value) == 0).all()


def test_bad_input():
    picture = torch.randn(1, D, 4, 4)
    with pytest.raises(ValueError, match="neighbouring channels must be odd, found 4"):
        EfficientChannel(4)
    with pytest.raises(ValueError, match="size of the convolution must be odd, found 2"):
        SpatialGate(2)
    with pytest.raises(ValueError, match="size of a kernel must be odd, found 2"):
        DynamicConvolution(D, D, 2)
    with pytest.raises(ValueError, match="temperature must be above 0, found 0"):
        DynamicConvolution(D, D, temperature=0.0)
    with pytest.raises(ValueError, match="multiple of heads, found 8 and 3"):
        DeformableAttention(D, 3, 1, 1)
    with pytest.raises(ValueError, match="2 levels, found 1 and references on 2"):
        DeformableAttention(D, 2, 2, 1)(torch.randn(1, 3, D), torch.rand(1, 3, 2, 2), picture)
    with pytest.raises(ValueError, match=r"\(tasks, channels\) None, found \(2, 8\)"):
        TaskGates(D, D, D, 2)(picture, picture, picture[:, None].expand(-1, 2, -1, -1, -1))
    with pytest.raises(ValueError, match=r"\(tasks, channels\) \(2, 4\), found None"):
        TaskGates(D, D, D, 2, previous=4)(picture, picture)
    with pytest.raises(ValueError, match="multiple of twice the heads, found 10 and 2"):
        TwoWayBlock(10, 2, 4)
    with pytest.raises(ValueError, match="d-model must be a multiple of heads, found 8 and 3"):
        DividedSpaceTime(D, 3)


def test_batch_norms_of_gates_learn_in_training():
    module = randomise(TaskGates(D, D, 4, 2)).train()
    before = module.gates[0][1].running_mean.clone()
    module(*torch.randn(2, 4, D, 3, 3).double())
    assert not torch.equal(module.gates[0][1].running_mean, before)
