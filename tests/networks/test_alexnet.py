"""AlexNet against torchvision's, against the parameters of the paper, and its layers against loops."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from transduce.layers.channels import LocalResponseNorm, local_response_norm
from transduce.networks.alexnet import TWO_COLUMNS, AlexNetConfig, Convolution
from transduce.networks.families.pictures import TORCHVISION_ALEXNET, renamed
from transduce.networks.heads import inner_matrices
from transduce.networks.picture_presets import alexnet, alexnet_mini, alexnet_one_column
from vision_libraries import torchvision


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("config", "total"), [(alexnet(), 60_965_224), (alexnet_one_column(), 61_100_840)], ids=["2012", "2014"]
)
def test_the_parameters_are_those_of_the_papers(config: AlexNetConfig, total: int) -> None:
    with torch.device("meta"):
        assert count(config.build(1_000, 3, 224)) == total


def test_one_column_is_torchvision_s() -> None:
    torch.manual_seed(0)
    reference = torchvision.models.alexnet(num_classes=5).eval()
    network = alexnet_one_column().build(5, 3, 224).eval()
    network.load_state_dict(renamed(reference.state_dict(), TORCHVISION_ALEXNET) | {"head.temperature": torch.ones(())})
    pixels = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(network(pixels), reference(pixels))


@pytest.mark.parametrize("size", [224, 227])
def test_the_maps_before_the_linear_layers_have_6_x_6_pixels(size: int) -> None:
    with torch.device("meta"):
        network = alexnet().build(10, 3, size)
        assert network.features(torch.empty(1, 3, size, size)).shape == (1, 256, 6, 6)


def test_a_column_reads_its_own_column_except_in_the_third_convolution() -> None:
    """Channels of the second column do not change the first one, up to the second convolution and its norm."""
    torch.manual_seed(0)
    small = tuple(replace(row, channels=row.channels // 8, stride=1) for row in TWO_COLUMNS)
    network = AlexNetConfig(convolutions=small, hidden=(8,)).build(3, 1, 40)
    first, second, third = network.features[:3]
    maps = first(torch.randn(1, 1, 40, 40))
    changed = maps.clone()
    changed[:, maps.shape[1] // 2 :] += 1
    before, after = second(maps), second(changed)
    half = before.shape[1] // 2
    torch.testing.assert_close(before[:, :half], after[:, :half])
    assert not torch.allclose(before[:, half:], after[:, half:])
    assert not torch.allclose(
        third(before)[:, : third[0].out_channels // 2], third(after)[:, : third[0].out_channels // 2]
    )


def test_local_response_norm_is_the_formula_of_the_paper() -> None:
    """b_i = a_i / (2 + 1e-4 * sum over channels i - 2 .. i + 2 of a_j^2)^0.75, within each column."""
    torch.manual_seed(0)
    x = 100 * torch.rand(1, 12, 1, 2, dtype=torch.float64)
    expected = torch.empty_like(x)
    for column in range(2):
        own = x[:, 6 * column : 6 * column + 6]
        for i in range(6):
            near = own[:, max(0, i - 2) : i + 3].square().sum(1)
            expected[:, 6 * column + i] = own[:, i] / (2 + 1e-4 * near) ** 0.75
    torch.testing.assert_close(local_response_norm(x, columns=2), expected)
    torch.testing.assert_close(LocalResponseNorm(2)(x), expected)


def test_initial_weights_of_the_paper() -> None:
    network = replace(alexnet_mini(), initial_weights="paper").build(10, 1, 28).requires_grad_(False)
    assert [float(layer.bias.mean()) for layer in network.weighted_layers] == [0, 1, 0, 1, 1, 1, 1, 0]
    assert all(0.008 < float(layer.weight.std()) < 0.012 for layer in network.weighted_layers)


def test_he_weights_keep_the_size_of_the_features() -> None:
    torch.manual_seed(0)
    rows = tuple(Convolution(64, padding=0) for _ in range(6))
    network = AlexNetConfig(convolutions=rows, grid=2).build(64, 3, 20).requires_grad_(False)
    maps = network.features(torch.randn(16, 3, 20, 20))
    assert 0.5 < float(maps.square().mean()) < 2


def test_a_small_network_learns_and_its_head_is_no_inner_matrix() -> None:
    torch.manual_seed(0)
    network = alexnet_mini().build(2, 1, 28)
    pixels = torch.randn(16, 1, 28, 28)
    classes = (pixels.mean((1, 2, 3)) > 0).long()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    for _ in range(10):
        loss = nn.functional.cross_entropy(network(pixels), classes)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.4
    assert inner_matrices(network) == {"linears.0.weight", "linears.1.weight"}


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Convolution(10, groups=3), "channels must be a multiple of groups, found 10 and 3"),
        (lambda: Convolution(10, columns=4), "channels must be a multiple of columns, found 10 and 4"),
        (lambda: Convolution(0), "channels must be 1 to 65,536, found 0"),
        (lambda: AlexNetConfig(convolutions=()), "convolutions must have 1 to 1,000 rows, found 0"),
        (lambda: AlexNetConfig(hidden=(8, 0)), "hidden must be widths of 1 to 1,048,576, found 0"),
        (lambda: AlexNetConfig(dropout=1.0), "dropout must be at least 0 and below 1, found 1"),
        (lambda: alexnet().build(10, 3, 28), "pictures of 28 x 28 pixels are too small: .* after convolution 2"),
        (
            lambda: AlexNetConfig(convolutions=(Convolution(8, groups=2),)).build(2, 3, 28),
            "convolution 1 reads 3 channels, which its 2 groups do not divide",
        ),
    ],
)
def test_mistakes_are_refused(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
