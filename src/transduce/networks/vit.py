"""The Vision Transformer (Dosovitskiy et al. 2020, 2010.11929): an encoder over patches of a picture.

    pixels -> a vector for each patch -> [class token before them] -> + learned positions -> encoder -> one state -> head

The encoder is the Stack of networks/transformer.py, pre-norm. Patches stand row by row.

Letters: B pictures, C channels, h height, w width, P patches, T tokens (P, or P + 1 with a class token), D width of the model,
H heads, N layers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.attention.positions import POSITIONS, NoPositions, PositionEncoding
from transduce.config import Fact
from transduce.layers.activations import ActivationName
from transduce.layers.dropout import Dropout
from transduce.layers.norms import NORMS, LayerNorm, Norm
from transduce.networks.heads import FeatureClassHead
from transduce.networks.layer_config import EncoderAttention, LayerConfig, Placement
from transduce.networks.picture_config import PictureNetworkConfig
from transduce.networks.transformer import Stack
from transduce.networks.view import View

Pool = Literal["class-token", "mean"]

POSITION_SCALE = 0.02  # standard deviation of fresh positions, as in the authors' code


@dataclass(frozen=True)
class ViTConfig(LayerConfig, PictureNetworkConfig):
    """A Vision Transformer; the defaults are ViT-B/16."""

    d_model: Annotated[int, "width of the model", Fact(at_least=1, at_most=65_536, size=True)] = 768
    heads: Annotated[
        int, "attention heads; divides d-model unless head-width is given", Fact(at_least=1, at_most=1_024, size=True)
    ] = 12
    feed_forward: Annotated[
        int, "width inside the feed-forward networks", Fact(at_least=1, at_most=1_048_576, size=True)
    ] = 3072
    norm_placement: Annotated[Placement, "post: norm(x + f(x)) as in the paper; pre: x + f(norm(x))"] = "pre"
    norm: Annotated[Norm, "the norm", NORMS] = LayerNorm(1e-6)
    positions: Annotated[PositionEncoding, "position encoding beside the learned positions", POSITIONS] = NoPositions()
    activation: Annotated[ActivationName, "activation of the feed-forward networks"] = "gelu"
    layers: Annotated[int, "layers", Fact(at_least=1, at_most=1_000, size=True)] = 12
    patch: Annotated[int, "height and width of a patch in pixels", Fact(at_least=1, at_most=1_024, size=True)] = 16
    pool: Annotated[Pool, "the state that the head reads: of a class token, or the mean over the patches"] = (
        "class-token"
    )

    encoder: Annotated[EncoderAttention, "attention of the layers"] = EncoderAttention()

    stacks: ClassVar[Mapping[str, str]] = {"encoder": "layers"}

    def build(self, classes: int, channels: int, size: int) -> "ViT":
        if size % self.patch:
            raise ValueError(
                f"the height of the pictures must be a multiple of patch, found {size} and {self.patch}; "
                f"{size - size % self.patch or self.patch} is one"
            )
        patches = (size // self.patch) ** 2
        self.encoder.check_length(patches + POOLS[self.pool].tokens, f"a picture of {size} x {size} pixels")
        return ViT(self, classes, channels, patches)


class ClassToken(nn.Module):
    """A learned vector stands before the patches; its last state goes to the head."""

    tokens = 1

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, width))

    def before(self, patches: Float[Tensor, "B P D"]) -> Float[Tensor, "B T D"]:
        return torch.cat([self.token.expand(len(patches), -1, -1), patches], 1)

    def forward(self, states: Float[Tensor, "B T D"]) -> Float[Tensor, "B D"]:
        return states[:, 0]


class MeanOfPatches(nn.Module):
    """The mean over the last states goes to the head."""

    tokens = 0

    def __init__(self, width: int) -> None:
        super().__init__()

    def before(self, patches: Float[Tensor, "B P D"]) -> Float[Tensor, "B T D"]:
        return patches

    def forward(self, states: Float[Tensor, "B T D"]) -> Float[Tensor, "B D"]:
        return states.mean(1)


POOLS: dict[Pool, type[ClassToken] | type[MeanOfPatches]] = {"class-token": ClassToken, "mean": MeanOfPatches}


class ViT(nn.Module):
    """Pixels to logits, for pictures of a fixed number of patches."""

    def __init__(self, config: ViTConfig, classes: int, channels: int, patches: int) -> None:
        super().__init__()
        self.config = config
        self.patches = nn.Conv2d(channels, config.d_model, config.patch, config.patch)
        self.pool = POOLS[config.pool](config.d_model)
        self.positions = nn.Parameter(torch.empty(1, patches + self.pool.tokens, config.d_model))
        self.drop = Dropout(config.dropout)
        self.encoder = Stack(config, config.layers, attention=config.encoder.attention)
        self.head = FeatureClassHead(config.d_model, classes)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Xavier uniform weights for patches and head, zero biases; the layers have theirs already."""
        nn.init.xavier_uniform_(self.patches.weight.flatten(1))  # a linear map of the pixels of a patch
        nn.init.xavier_uniform_(self.head.weight)
        for bias in (self.patches.bias, self.head.bias):
            nn.init.zeros_(cast(Tensor, bias))
        nn.init.normal_(self.positions, std=POSITION_SCALE)
        if isinstance(self.pool, ClassToken):
            nn.init.normal_(self.pool.token, std=POSITION_SCALE)

    def forward(self, pixels: Float[Tensor, "B C h w"]) -> Float[Tensor, "B classes"]:
        logits: Tensor = self.head(self.pool(self.encode(pixels)))
        return logits

    def encode(self, pixels: Float[Tensor, "B C h w"]) -> Float[Tensor, "B T D"]:
        """The last states of the class token, if any, and of the patches."""
        patches = self.patches(pixels).flatten(2).transpose(1, 2)  # (B, D, h', w') -> (B, P, D)
        tokens = self.pool.before(patches)
        if tokens.shape[1] != self.positions.shape[1]:
            raise ValueError(
                f"the network reads {self.positions.shape[1]} tokens of a picture, found {tokens.shape[1]}: "
                "give pictures of the size that it was built for"
            )
        view = View.unmasked(self.config, tokens.shape[1], tokens, self.encoder.near)
        x = self.config.positions.embed(tokens + self.positions, view.positions)
        states: Tensor
        states, _ = self.encoder(self.drop(x), view)
        return states
