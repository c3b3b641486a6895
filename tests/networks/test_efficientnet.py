"""EfficientNet against timm's, its scaling by hand, and its layers against their formulas."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from transduce.layers.channels import SqueezeExcitation, StochasticDepth
from transduce.networks.efficientnet import EfficientNetConfig, Stage, scaled_blocks, scaled_channels
from transduce.networks.families.pictures import TIMM_EFFICIENTNET, renamed
from transduce.networks.picture_presets import EFFICIENTNETS, efficientnet, efficientnet_mini
from vision_libraries import timm


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("number", range(8))
def test_parameters_and_feature_maps_are_timm_s(number: int) -> None:
    size = EFFICIENTNETS[number][2]
    pixels = torch.empty(1, 3, size, size, device="meta")
    with torch.device("meta"):
        network = efficientnet(number).build(1_000, 3, size)
        reference = timm.create_model(f"efficientnet_b{number}")
    assert count(network) == count(reference)
    x, shapes = reference.bn1(reference.conv_stem(pixels)), []
    for stage in reference.blocks:
        x = stage(x)
        shapes.append(x.shape)
    assert [each.shape for each in network.feature_maps(pixels)] == shapes


@torch.no_grad()
def vary(network: nn.Module) -> None:
    """Random values for norms, whose fresh values hide mistakes in the order of the layers."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.running_var):
                tensor.uniform_(0.5, 1.5)
            for tensor in (module.bias, module.running_mean):
                tensor.normal_()


@pytest.mark.parametrize(("number", "size"), [(0, 64), (2, 48)])
def test_logits_are_timm_s(number: int, size: int) -> None:
    torch.manual_seed(0)
    reference = timm.create_model(f"efficientnet_b{number}", num_classes=7).eval()
    vary(reference)
    network = replace(efficientnet(number), norm_eps=1e-5).build(7, 3, size).eval()
    network.load_state_dict(renamed(reference.state_dict(), TIMM_EFFICIENTNET) | {"head.temperature": torch.ones(())})
    pixels = torch.randn(2, 3, size, size)
    with torch.no_grad():
        expected = reference(pixels)
        torch.testing.assert_close(network(pixels), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def test_stochastic_depth_grows_as_in_timm() -> None:
    with torch.device("meta"):
        network = efficientnet(0).build(10, 3, 64)
        reference = timm.create_model("efficientnet_b0", drop_path_rate=0.2)
    own = [block.drop.probability for stage in network.stages for block in stage]
    theirs = [getattr(block.drop_path, "drop_prob", 0.0) for stage in reference.blocks for block in stage]
    adds = [block.adds for stage in network.stages for block in stage]
    assert [p for p, used in zip(own, adds, strict=True) if used] == pytest.approx(
        [p for p, used in zip(theirs, adds, strict=True) if used]
    )


@pytest.mark.parametrize(
    ("channels", "factor", "scaled"), [(32, 1.0, 32), (16, 1.1, 16), (40, 1.1, 48), (24, 0.5, 16), (2, 1.0, 8)]
)
def test_channels_are_multiples_of_8(channels: int, factor: float, scaled: int) -> None:
    """24 * 0.5 = 12 is nearest to 8 and 16; 8 would be less than 90 % of it."""
    assert scaled_channels(channels, factor) == scaled


def test_blocks_are_rounded_up() -> None:
    assert [scaled_blocks(blocks, 1.2) for blocks in (1, 2, 3, 4)] == [2, 3, 4, 5]


def test_the_gate_is_its_formula() -> None:
    torch.manual_seed(0)
    gate, x = SqueezeExcitation(6, 2), torch.randn(3, 6, 4, 5)
    inner = nn.functional.silu(x.mean((2, 3)) @ gate.squeeze.weight[:, :, 0, 0].T + gate.squeeze.bias)
    gates = torch.sigmoid(inner @ gate.excite.weight[:, :, 0, 0].T + gate.excite.bias)
    torch.testing.assert_close(gate(x), x * gates[:, :, None, None])


def test_stochastic_depth_drops_rows_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    drop, x = StochasticDepth(0.25), torch.ones(4_000, 2, 3)
    rows = drop(x).flatten(1)
    assert (rows == rows[:, :1]).all()
    assert sorted(set(rows[:, 0].tolist())) == pytest.approx([0, 4 / 3])
    assert float(rows.mean()) == pytest.approx(1, abs=0.05)
    assert drop.eval()(x) is x


@torch.no_grad()
def test_initial_weights_have_the_variance_of_their_outputs() -> None:
    """2 / (kernel area * outputs / groups): a filter of a depthwise convolution has one output."""
    torch.manual_seed(0)
    network = efficientnet_mini().build(10, 1, 28)
    block = network.stages[2][1]
    assert float(block.expand[0].weight.var()) == pytest.approx(2 / (48 * 4), rel=0.1)
    assert float(block.depthwise[0].weight.var()) == pytest.approx(2 / 9, rel=0.2)
    assert float(block.project[0].weight.var()) == pytest.approx(2 / 48, rel=0.1)
    assert not block.gate.squeeze.bias.any() and not block.gate.excite.bias.any()


def test_the_mini_network_keeps_a_map_of_7_pixels_and_all_weights_learn() -> None:
    torch.manual_seed(0)
    network = efficientnet_mini().build(10, 1, 28)
    pixels = torch.randn(4, 1, 28, 28)
    assert network.feature_maps(pixels)[-1].shape[2:] == (7, 7)
    network.eval()(pixels).logsumexp(-1).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in network.parameters())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: efficientnet(0).build(10, 3, 28), "28 x 28 pixels are smaller than the product of all strides, 32"),
        (lambda: EfficientNetConfig(stages=()), "stages must have at least 1 row"),
        (lambda: Stage(kernel=4), "kernel must be odd, found 4"),
        (lambda: Stage(channels=0), "channels must be 1 to 65,536, found 0"),
        (lambda: EfficientNetConfig(width_factor=0.0), "width-factor must be above 0 and at most 100, found 0"),
        (lambda: StochasticDepth(1.0), "stochastic depth must be at least 0 and below 1, found 1"),
    ],
)
def test_mistakes_are_refused(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
