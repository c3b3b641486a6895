"""Calibrate the model of a run: its probabilities get the temperature that fits the dev set best."""

import logging

import torch

from transduce.data.prepared import Prepared
from transduce.decoding.config import Generation
from transduce.models.folder import read_config_and_processors, read_network, replace_weights
from transduce.models.model import Model
from transduce.networks.heads import CALIBRATED
from transduce.tasks.references import loss_unit
from transduce.tasks.task import gives_probabilities
from transduce.training.temperature import Piece, best_temperature
from transduce.workflows.train.run_folder import RunFolder
from transduce.workflows.train.validation import dev_batches

log = logging.getLogger(__name__)

MOST_LOGITS = 2**25  # that are looked at together: 128 MiB
MOST_UNITS = 20_000
ROWS = 4_000
BATCH_TOKENS = 512  # small batches, so that those which fit have texts of every length


def calibrate(folder: RunFolder, prepared: Prepared, device: str) -> None:
    """Fits the temperature of the model in a run folder on its dev set, and writes the model anew with it.

    A network without a head that has a temperature, one of the caller's own, stays as it is; so does a folder that its owner
    damaged.
    """
    try:
        config, processors = read_config_and_processors(folder.model, folder.parts)
        network = read_network(folder.model, config, processors).to(device).eval()
    except (ValueError, OSError) as error:
        log.warning("the model is not calibrated: %s", error)
        return
    model = Model(config, network, processors, Generation(), device, folder.model)
    buffers = {
        f"{name}.temperature": module.temperature
        for name, module in model.network.named_modules()
        if isinstance(module, CALIBRATED)
    }
    if not buffers or not gives_probabilities(model.task):
        return
    for buffer in buffers.values():
        buffer.fill_(1.0)  # the result does not depend on an earlier one
    pieces = _pieces(model, prepared)
    units = sum(len(targets) for _, targets in pieces)
    temperature = best_temperature(pieces)
    replace_weights(folder.model, {name: torch.tensor(temperature) for name in buffers})
    log.info("calibration: temperature %.3f, by %s %s of the dev set", temperature, f"{units:,}", loss_unit(model.task))


@torch.no_grad()
def _pieces(model: Model, prepared: Prepared) -> list[Piece]:
    """Logits and right choices of the dev set, of as many units as fit into memory."""
    assert prepared.dev is not None
    pieces: list[Piece] = []
    units = 0
    for rows in dev_batches(prepared.dev, model, BATCH_TOKENS, ROWS, shuffled=True):
        batch = model.task.batch(rows, model.processors, seed=0).to(model.device)
        for logits, targets in model.task.logits_and_targets(model.network, batch):
            pieces.append((logits, targets))
            units += len(targets)
            if units * (1 + logits.size(-1)) >= MOST_LOGITS or units >= MOST_UNITS:
                return pieces
    return pieces
