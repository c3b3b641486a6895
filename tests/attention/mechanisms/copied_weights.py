"""Other libraries' modules with the weights of ours."""

import torch
from torch import nn


@torch.no_grad()
def randomised(module):
    """With biases that are not zero."""
    for parameter in module.parameters():
        parameter.normal_(std=0.5)
    return module.double().eval()


@torch.no_grad()
def copied(theirs, **tensors):
    """`theirs` in float64 and in evaluation mode, with parameters by dotted name; the others stay."""
    theirs = theirs.double().eval()
    for name, tensor in tensors.items():
        theirs.get_parameter(name.replace("__", ".")).copy_(tensor)
    return theirs


def torch_attention(ours):
    """nn.MultiheadAttention with the weights of our MultiHeadAttention, its grouped heads written out."""
    theirs = nn.MultiheadAttention(ours.to_output.out_features, ours.heads, batch_first=True)
    shared = ours.heads // ours.key_value_heads

    def written_out(packed):
        query, *rest = packed.split(ours.to_query_key_value.outputs)
        heads = [
            each.unflatten(0, (ours.key_value_heads, -1)).repeat_interleave(shared, 0).flatten(0, 1) for each in rest
        ]
        return torch.cat([query, *heads])

    return copied(
        theirs,
        in_proj_weight=written_out(ours.to_query_key_value.weight),
        in_proj_bias=written_out(ours.to_query_key_value.bias),
        out_proj__weight=ours.to_output.weight,
        out_proj__bias=ours.to_output.bias,
    )
