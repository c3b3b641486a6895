"""A T5 with random weights, for transformers' own `generate` and, without a cache, for the decoding protocol."""

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import T5Config, T5ForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from transduce.decoding.hypothesis import SpecialIds
from transduce.decoding.protocol import Decodable, Padded

SPECIAL = SpecialIds(pad=0, start=0, end=1)


@dataclass
class Prefixes:
    memory: Tensor  # (B, S, D)
    mask: Tensor  # (B, S)
    tokens: Tensor | None  # (B, K, t)


class Uncached(Decodable[Prefixes]):
    """A T5 through the decoding protocol without a cache: every step reads the whole prefix again."""

    def __init__(self, network: T5ForConditionalGeneration) -> None:
        self.network = network

    def start(self, inputs: Padded, prompts: Padded) -> Prefixes:
        source, lengths = inputs.tokens, inputs.lengths
        mask = (torch.arange(source.size(1)) < lengths[:, None]).long()
        return Prefixes(self.network.encoder(source, attention_mask=mask).last_hidden_state, mask, None)

    def step(self, tokens: Tensor, state: Prefixes) -> tuple[Tensor, Prefixes]:
        prefix = tokens if state.tokens is None else torch.cat([state.tokens, tokens], dim=2)
        sentences, beams, length = prefix.shape
        outputs = self.network(
            encoder_outputs=BaseModelOutput(state.memory.repeat_interleave(beams, 0)),
            attention_mask=state.mask.repeat_interleave(beams, 0),
            decoder_input_ids=prefix.flatten(0, 1),
            use_cache=False,
        )
        logits = outputs.logits.view(sentences, beams, length, -1)[:, :, -tokens.size(2) :]
        return logits, Prefixes(state.memory, state.mask, prefix)

    def reorder(self, state: Prefixes, beams: Tensor) -> Prefixes:
        if state.tokens is None:
            return state
        index = beams.unsqueeze(2).expand(-1, -1, state.tokens.size(2))
        return Prefixes(state.memory, state.mask, state.tokens.gather(1, index))

    def select(self, state: Prefixes, rows: Tensor) -> Prefixes:
        assert state.tokens is not None
        return Prefixes(state.memory[rows], state.mask[rows], state.tokens[rows])


def random_t5() -> T5ForConditionalGeneration:
    shape = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
    network = T5ForConditionalGeneration(T5Config(vocab_size=15, decoder_start_token_id=0, **shape)).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "norm" not in name:  # with T5's own small values every sentence gets the same output
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return network
