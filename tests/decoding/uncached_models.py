"""Models of transformers with random weights, for its own `generate` and, without a cache, for the decoding protocol."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel, T5Config, T5ForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from transduce.decoding.hypothesis import SpecialIds
from transduce.decoding.protocol import Decodable, Padded

T5_SPECIAL = SpecialIds(pad=0, start=0, end=1)
GPT2_SPECIAL = SpecialIds(pad=0, start=1, end=2)


@dataclass
class Read:
    """What a model has read: `tokens[b, k]` holds `lengths[b]` tokens, then padding."""

    tokens: Tensor  # (B, K, t)
    lengths: Tensor  # (B,)
    memory: Tensor | None = None  # (B, S, D)
    mask: Tensor | None = None  # (B, S)


class Uncached(Decodable[Read]):
    """Every step reads all tokens again. What a model makes of a token does not depend on the padding behind it."""

    def start(self, inputs: Padded | None, prompts: Padded) -> Read:
        return Read(prompts.tokens[:, None, :-1], prompts.lengths - 1)

    def step(self, tokens: Tensor, state: Read) -> tuple[Tensor, Read]:
        new = tokens.size(2)
        places = (state.lengths[:, None] + torch.arange(new))[:, None].expand_as(tokens)  # (B, K, T)
        room = torch.cat([state.tokens, torch.zeros_like(tokens)], dim=2)
        prefix = replace(state, tokens=room.scatter(2, places, tokens), lengths=state.lengths + new)
        logits = self.logits(prefix).unflatten(0, tokens.shape[:2])
        return logits.gather(2, places.unsqueeze(-1).expand(-1, -1, -1, logits.size(-1))), prefix

    def logits(self, state: Read) -> Tensor:
        """(B K, t, V)"""
        raise NotImplementedError

    def reorder(self, state: Read, beams: Tensor) -> Read:
        return replace(state, tokens=state.tokens.gather(1, beams.unsqueeze(2).expand(-1, -1, state.tokens.size(2))))

    def select(self, state: Read, rows: Tensor) -> Read:
        memory = None if state.memory is None else state.memory[rows]
        mask = None if state.mask is None else state.mask[rows]
        return Read(state.tokens[rows], state.lengths[rows], memory, mask)


class UncachedGPT2(Uncached):
    def __init__(self, network: GPT2LMHeadModel) -> None:
        self.network = network

    def logits(self, state: Read) -> Tensor:
        return self.network(state.tokens.flatten(0, 1), use_cache=False).logits


class UncachedT5(Uncached):
    def __init__(self, network: T5ForConditionalGeneration) -> None:
        self.network = network

    def start(self, inputs: Padded | None, prompts: Padded) -> Read:
        assert inputs is not None
        mask = (torch.arange(inputs.tokens.size(1)) < inputs.lengths[:, None]).long()
        memory = self.network.encoder(inputs.tokens, attention_mask=mask).last_hidden_state
        return replace(super().start(inputs, prompts), memory=memory, mask=mask)

    def logits(self, state: Read) -> Tensor:
        assert state.memory is not None and state.mask is not None
        beams = state.tokens.size(1)
        return self.network(
            encoder_outputs=BaseModelOutput(state.memory.repeat_interleave(beams, 0)),
            attention_mask=state.mask.repeat_interleave(beams, 0),
            decoder_input_ids=state.tokens.flatten(0, 1),
            use_cache=False,
        ).logits


def random_t5() -> T5ForConditionalGeneration:
    shape = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
    return randomised(T5ForConditionalGeneration(T5Config(vocab_size=15, decoder_start_token_id=0, **shape)))


def random_gpt2() -> GPT2LMHeadModel:
    shape = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64}
    ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    return randomised(GPT2LMHeadModel(GPT2Config(vocab_size=15, **shape, **ids)))


def randomised(network: nn.Module) -> nn.Module:
    """In evaluation mode, with weights large enough that outputs differ."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "norm" not in name and "ln_" not in name:  # with small values every sentence gets the same output
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return network.eval()
