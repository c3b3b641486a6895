"""How fast this machine trains, from a few updates of a small Transformer."""

import functools
import math
import time
from dataclasses import replace

import torch

from transduce.networks.heads import inner_matrices
from transduce.networks.presets import transformer_mini
from transduce.tasks.tokens import token_loss
from transduce.training.optimisers import Muon
from transduce.training.precision import PRECISIONS, MasterWeights

ROWS, LENGTH, PIECES = 128, 16, 500  # of the batch: 2,048 tokens on each side
SECONDS = 0.4  # of updates that are timed


@functools.cache
def machine_rate(width: int, precision: str, device: str) -> float:
    """Parameters times tokens per second in training, of networks of about this width: tokens per second are this by the
    number of parameters.

    It is a power of two, so that two runs on one machine choose alike. A wide network does more of its work in large
    products, which are faster.
    """
    config = replace(transformer_mini(), d_model=width, heads=max(1, width // 64), feed_forward=4 * width)
    with torch.random.fork_rng([torch.cuda.current_device()] if device.startswith("cuda") else []):
        network = config.build(PIECES).to(device).train()
    body = sum(each.numel() for each in network.parameters()) - PIECES * width
    masters = MasterWeights(network, PRECISIONS[precision])
    optimiser = Muon().build(masters.parameters, inner_matrices(network))
    tokens = torch.arange(ROWS * LENGTH, device=device).remainder(PIECES).view(ROWS, LENGTH)
    lengths = torch.full((ROWS,), LENGTH, device=device)

    def update() -> None:
        loss = token_loss(network.head, network(tokens, lengths, tokens), tokens, 0.1)
        loss.total.backward()
        masters.collect()
        optimiser.step(1e-4)
        masters.publish()
        masters.clear()
        loss.total.item()  # waits for the device

    update()  # the first one includes the cost of kernels and memory
    start, count = time.perf_counter(), 0
    while time.perf_counter() < start + SECONDS:
        update()
        count += 1
    rate = body * ROWS * LENGTH * count / (time.perf_counter() - start)
    return float(2 ** round(math.log2(rate)))
