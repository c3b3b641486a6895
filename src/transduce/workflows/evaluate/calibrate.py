"""Calibrate: compare how sure a model is of each target token with how often it is right."""

import numpy as np

from transduce.data.batching import by_length
from transduce.evaluation.calibration import Calibration, calibrate
from transduce.models.ensemble import EnsembleModel
from transduce.models.model import Model
from transduce.tasks import translation
from transduce.terminal import progress_bar
from transduce.workflows.evaluate.test_set import HeldOut


def calibration(model: Model, held_out: HeldOut, batch_tokens: int = 4096) -> Calibration:
    """Over every token of the first references, end tokens included, each given the source and the tokens before it
    (teacher forcing): the probability of the model's first choice, and whether that is the reference's token.

    Sources that are too long are cut as in translation. ValueError for an ensemble, which has no network of its own.
    """
    if isinstance(model, EnsembleModel):
        raise ValueError(
            f"calibration is of one model's confidence, and {model.name} is an ensemble; give one of its models"
        )
    source, _ = model.source_rows(held_out.sources, held_out.tags or None)
    target = model.target_rows([answers[0] for answers in held_out.references])
    sure, right = [], []
    lengths = [max(len(s), len(t)) + 1 for s, t in zip(source, target, strict=True)]
    with progress_bar("line", len(lengths), "calibrating") as bar:
        for group in by_length(lengths, batch_tokens):
            batch = translation.batch_of([source[i] for i in group], [target[i] for i in group], model.device)
            for confidence, hits in translation.first_choices(model.network, batch):
                sure += confidence
                right += hits
            bar.update(len(group))
    return calibrate(np.array(sure, dtype=np.float64), np.array(right, dtype=bool))
