"""Calibrate: compare how certain a model is of each unit (target token, row) with how often it is right."""

import numpy as np
import torch

from transduce.decoding.protocol import require_evaluation_mode
from transduce.decoding.scores import check_probabilities
from transduce.evaluation.calibration import ENOUGH, Calibration, calibrate
from transduce.models.ensemble import EnsembleModel
from transduce.models.model import Model
from transduce.terminal import progress_bar
from transduce.workflows.evaluate.test_set import HeldOut

ENOUGH_ROWS = 1_000  # of a task with one unit in each record


@torch.no_grad()
def calibration(model: Model, held_out: HeldOut, batch_tokens: int = 4096) -> Calibration:
    """Over every unit of the first references: the probability of the model's first choice, and whether that is right.

    Target tokens, end tokens included, are each given the source and the tokens before them (teacher forcing). Sources
    that are too long are cut as in translation, and rows with a label that the model does not know are left out.
    ValueError for an ensemble, which has no network of its own, and for a network in training mode.
    """
    if isinstance(model, EnsembleModel):
        raise ValueError(
            f"calibration is of one model's confidence, and {model.name} is an ensemble; give one of its models"
        )
    require_evaluation_mode(model.network)
    records = held_out.scorable(model.processors)
    if not records:
        raise ValueError(f"calibration needs a {model.task.unit} with a label that {model.name} knows, found none")
    confidence, right = [np.empty(0)], [np.empty(0, dtype=bool)]
    with progress_bar("batch", title="calibrating") as bar:
        for batch in bar.counted(model.batches(records, batch_tokens)):
            for logits, targets in model.task.logits_and_targets(model.network, batch):
                best = logits.softmax(-1).max(-1)
                check_probabilities(best.values)
                confidence.append(best.values.double().cpu().numpy())
                right.append((best.indices == targets).cpu().numpy())
    enough = ENOUGH if model.task.generates else ENOUGH_ROWS
    return calibrate(np.concatenate(confidence), np.concatenate(right), enough=enough)
