"""Gradients on their way from the network to the float32 masters."""

import pytest
import torch
from torch import nn

from transduce.training.optimisers import AdamW
from transduce.training.precision import PRECISIONS, MasterWeights


@pytest.mark.parametrize("precision", PRECISIONS)
def test_what_has_no_gradient_stays_where_it_is(precision: str) -> None:
    """As a layer that is left out: neither momentum nor weight decay moves it."""
    network = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
    masters = MasterWeights(network, PRECISIONS[precision])
    optimiser = AdamW(weight_decay=0.1).build(masters.parameters, ())
    x = torch.randn(2, 4, dtype=PRECISIONS[precision])
    (network[0](x) + network[1](x)).sum().backward()
    masters.collect()
    optimiser.step(0.1)
    masters.publish()
    masters.clear()
    before = {name: tensor.clone() for name, tensor in masters.tensors().items()}
    network[0](x).sum().backward()
    masters.collect()
    optimiser.step(0.1)
    names = [name for name, tensor in masters.tensors().items() if not torch.equal(tensor, before[name])]
    assert names == ["0.weight", "0.bias"]


def test_gradients_of_several_batches_add_up_in_float32() -> None:
    network = nn.Linear(2, 1, bias=False)
    masters = MasterWeights(network, torch.bfloat16)
    for _ in range(300):  # alone, bfloat16 would stop at 256
        network(torch.ones(1, 2, dtype=torch.bfloat16)).sum().backward()
        masters.collect()
    (master,) = masters.masters
    assert master.grad is not None and master.grad.tolist() == [[300.0, 300.0]]
