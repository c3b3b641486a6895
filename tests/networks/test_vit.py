"""The Vision Transformer against timm's and transformers', and pictures of its attention and saliency."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from transduce.attention.positions import Rotary
from transduce.networks.families.pictures import TIMM_VIT, renamed
from transduce.networks.picture_presets import alexnet_mini, vit_base, vit_large, vit_mini, vit_small, vit_tiny
from transduce.networks.probes import (
    attention_over_patches,
    attention_rollout,
    picture_attention_maps,
    picture_saliency,
)
from transduce.networks.vit import ViT, ViTConfig
from vision_libraries import timm

TINY = replace(vit_mini(), d_model=16, heads=2, feed_forward=24, layers=3)


@pytest.fixture(params=["class-token", "mean"])
def network(request: pytest.FixtureRequest) -> ViT:
    torch.manual_seed(0)
    return replace(TINY, pool=request.param).build(5, 2, 12).double().eval()


@pytest.fixture
def pixels() -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(3, 2, 12, 12, dtype=torch.float64)


@pytest.mark.parametrize(("pool", "timm_pool"), [("class-token", "token"), ("mean", "avg")])
def test_logits_are_timm_s(pool, timm_pool: str) -> None:
    torch.manual_seed(0)
    sizes = {"img_size": 32, "patch_size": 8, "depth": 3, "num_classes": 7}
    reference = timm.create_model(
        "vit_tiny_patch16_224", global_pool=timm_pool, class_token=pool == "class-token", fc_norm=False, **sizes
    ).eval()
    for parameter in reference.parameters():
        nn.init.normal_(parameter, std=0.2)
    network = replace(vit_tiny(), patch=8, layers=3, pool=pool).build(7, 3, 32).eval()
    network.load_state_dict(renamed(reference.state_dict(), TIMM_VIT) | {"head.temperature": torch.ones(())})
    pixels = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(network(pixels), reference(pixels), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (vit_tiny(), "vit_tiny_patch16_224"),
        (vit_small(), "vit_small_patch16_224"),
        (vit_base(), "vit_base_patch16_224"),
        (vit_large(), "vit_large_patch16_224"),
    ],
)
def test_presets_count_as_timm_s(config: ViTConfig, name: str) -> None:
    with torch.device("meta"):
        network, reference = config.build(1_000, 3, 224), timm.create_model(name)
    shapes = {own: tensor.shape for own, tensor in renamed(reference.state_dict(), TIMM_VIT).items()}
    assert {own: parameter.shape for own, parameter in network.named_parameters()} == shapes


def test_a_forward_pass_written_out(network: ViT, pixels: torch.Tensor) -> None:
    """Patches row by row, one picture and one head at a time."""
    config, picture = network.config, pixels[0]
    weight = network.patches.weight.flatten(1)
    rows = [
        weight @ picture[:, y : y + 4, x : x + 4].flatten() + network.patches.bias
        for y in range(0, 12, 4)
        for x in range(0, 12, 4)
    ]
    if config.pool == "class-token":
        rows = [network.pool.token.flatten(), *rows]
    x = torch.stack(rows) + network.positions[0]
    for layer in network.encoder.layers:
        packed = layer.self_attention.to_query_key_value(layer.self_attention_norm(x))
        query, key, value = (part.unflatten(-1, (2, 8)) for part in packed.chunk(3, -1))
        heads = [
            (query[:, head] @ key[:, head].T / 8**0.5).softmax(-1) @ value[:, head] for head in range(config.heads)
        ]
        x = x + layer.self_attention.to_output(torch.cat(heads, -1))
        inner = F.gelu(layer.feed_forward.inner(layer.feed_forward_norm(x)))
        x = x + layer.feed_forward.outer(inner)
    x = network.encoder.norm(x)
    state = x[0] if config.pool == "class-token" else x.mean(0)
    torch.testing.assert_close(network(pixels)[0], network.head(state))


def test_rotary_positions_may_stand_beside_the_learned_ones(pixels: torch.Tensor) -> None:
    torch.manual_seed(0)
    network = replace(TINY, positions=Rotary()).build(5, 2, 12).double().eval()
    with torch.no_grad():
        network.positions.zero_()
    swapped = torch.cat([pixels[..., 4:8], pixels[..., :4], pixels[..., 8:]], -1)
    assert not torch.allclose(network(pixels), network(swapped))


def test_attention_maps_and_rollout(network: ViT, pixels: torch.Tensor) -> None:
    maps = picture_attention_maps(network, pixels)
    tokens = 9 + network.pool.tokens
    assert maps.shape == (3, 3, 2, tokens, tokens)
    torch.testing.assert_close(maps.sum(-1), torch.ones(3, 3, 2, tokens).double())
    rollout = attention_rollout(maps)
    torch.testing.assert_close(rollout.sum(-1), torch.ones(3, tokens).double())
    same = torch.eye(tokens).double()
    expected = [(each.mean(0) + same) / 2 for each in maps[:, 1]]
    torch.testing.assert_close(rollout[1], expected[2] @ expected[1] @ expected[0])
    over = attention_over_patches(network, maps[-1].mean(1))
    assert over.shape == (3, 3, 3)
    if network.config.pool == "class-token":
        torch.testing.assert_close(over.flatten(1), maps[-1].mean(1)[:, 0, 1:])
    else:
        torch.testing.assert_close(over.sum((1, 2)), torch.ones(3).double())


def test_saliency_is_the_derivative_along_each_pixel(network: ViT, pixels: torch.Tensor) -> None:
    classes = torch.tensor([4, 0, 2])
    saliency = picture_saliency(network, pixels, classes)
    assert saliency.shape == (3, 12, 12)
    step = 1e-6
    for y, x in ((0, 0), (5, 7), (11, 2)):
        longer = pixels.clone()
        longer[:, :, y, x] *= 1 + step
        change = (network(longer) - network(pixels)).gather(1, classes[:, None])[:, 0] / step
        torch.testing.assert_close(saliency[:, y, x], change, rtol=1e-3, atol=1e-6)
    likely = picture_saliency(network, pixels)
    torch.testing.assert_close(likely, picture_saliency(network, pixels, network(pixels).argmax(-1)))


def test_saliency_of_a_network_without_biases_adds_up_to_the_logit() -> None:
    """Convolutions, relus and maxima without biases are linear around each picture."""
    torch.manual_seed(0)
    plain = tuple(replace(row, norm="none") for row in alexnet_mini().convolutions)
    network = replace(alexnet_mini(), convolutions=plain).build(3, 1, 28).double().eval()
    pixels = torch.randn(2, 1, 28, 28, dtype=torch.float64)
    torch.testing.assert_close(picture_saliency(network, pixels).sum((1, 2)), network(pixels).amax(-1))
    with pytest.raises(ValueError, match="training mode"):
        picture_saliency(network.train(), pixels)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: vit_tiny().build(10, 3, 100), "must be a multiple of patch, found 100 and 16; 96 is one"),
        (lambda: vit_tiny().build(10, 3, 8), "must be a multiple of patch, found 8 and 16; 16 is one"),
        (lambda: replace(vit_tiny(), heads=5), "d-model must be a multiple of heads, found 192 and 5"),
        (lambda: replace(vit_tiny(), patch=0), "patch must be 1 to 1,024, found 0"),
    ],
)
def test_mistakes_are_refused(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_pictures_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="the network reads 9 tokens of a picture, found 16"):
        TINY.build(5, 1, 12)(torch.zeros(1, 1, 16, 16))
