"""What a target token depends on: gradients of its log-probability with respect to the source's embeddings.

Letters: S source tokens, T target tokens, D width of the model.
"""

import math
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from transduce.networks.transformer import EncoderDecoder


def source_saliency(
    network: EncoderDecoder,
    source: Int[Tensor, "1 S"],
    target: Int[Tensor, "1 T"],
    following: Int[Tensor, "1 T"],
) -> Float[Tensor, "T S"]:
    """Gradient x input of log p(following[t] | source, target[:t + 1]) for each source token's embedding.

    The gradient with respect to an input is a saliency of Simonyan et al. 2013 (1312.6034), used for texts by Li et al.
    2016 (1506.01066). Here it is multiplied, dimension by dimension, with the token's embedding, without its position
    (Denil et al. 2014, 1412.6815), and the L2 norm of the D products is taken: how much the log-probability, to first
    order, hangs on that token. Row t is in nats, never negative. ValueError for a network in training mode.
    """
    if network.training:
        raise ValueError(
            "the model is in training mode, in which dropout changes its gradients: call model.eval() first"
        )
    leaves: list[Tensor] = []

    def detach(module: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Makes what the encoder is given a leaf of its own, though both sides may share one embedding table."""
        leaves.append(inputs[0].detach().requires_grad_())
        return leaves[0], *inputs[1:]

    hook = network.encoder.register_forward_pre_hook(detach)
    with torch.enable_grad():
        try:
            logits = network(source, torch.tensor([source.shape[1]], device=source.device), target)[0].float()
        finally:
            hook.remove()
        chosen = logits.log_softmax(-1).gather(1, following[0][:, None])[:, 0]  # (T,)
        gradients = [torch.autograd.grad(each, leaves, retain_graph=True)[0][0] for each in chosen]  # T times (S, D)
    embedded = network.source_embedding(source)[0].detach() * math.sqrt(network.config.d_model)  # (S, D)
    return torch.stack([(gradient * embedded).float().norm(dim=-1) for gradient in gradients])
