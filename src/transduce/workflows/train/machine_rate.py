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
from transduce.workflows.train.reproducible import random_states_restored

LENGTH, PIECES = 16, 500  # of the texts, and of the vocabulary
ROWS = ((128, 128), (256, 64), (512, 32))  # (up to so wide a network, texts of a batch)
WIDTHS = 64  # widths are multiples of that, up to the last of ROWS
SECONDS = 0.4  # of updates that are timed


@functools.cache
def machine_rate(width: int, precision: str, device: str) -> float:
    """Parameters times tokens per second in training, of networks of about this width: tokens per second are this by the
    number of parameters.

    It is a power of two, so that two runs on one machine choose alike, as a rule. A wide network does more of its work in large
    products, which are faster. torch's random generators stay as they are.
    """
    with random_states_restored(device):
        return _measure(min(max(1, round(width / WIDTHS)) * WIDTHS, ROWS[-1][0]), precision, device)


def _measure(width: int, precision: str, device: str) -> float:
    config = replace(transformer_mini(), d_model=width, heads=width // WIDTHS, feed_forward=4 * width)
    network, rows = config.build(PIECES).to(device).train(), next(rows for most, rows in ROWS if width <= most)
    body = sum(each.numel() for each in network.parameters()) - PIECES * width
    masters = MasterWeights(network, PRECISIONS[precision])
    optimiser = Muon().build(masters.parameters, inner_matrices(network))
    tokens = torch.arange(rows * LENGTH, device=device).remainder(PIECES).view(rows, LENGTH)
    lengths = torch.full((rows,), LENGTH, device=device)

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
    rate = body * rows * LENGTH * count / (time.perf_counter() - start)
    return float(2 ** round(math.log2(rate)))
