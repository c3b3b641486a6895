"""The networks by name: the kinds that [model] of a run file takes."""

from transduce.networks.config import TransformerConfig

NETWORKS: dict[str, type[TransformerConfig]] = {"encoder-decoder": TransformerConfig}
