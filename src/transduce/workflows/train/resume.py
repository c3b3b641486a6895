"""Going on with a run: its newest good checkpoint, and everything put back to what that holds."""

import logging

from transduce.training import checkpoints
from transduce.training.averaging import MovingAverage
from transduce.training.checkpoints import Checkpoint
from transduce.training.precision import MasterWeights
from transduce.training.state import TrainState
from transduce.training.stepper import Stepper
from transduce.workflows.train.run_folder import RunFolder

log = logging.getLogger(__name__)


def newest_checkpoint(folder: RunFolder, data: str) -> Checkpoint | None:
    """What the run goes on from: its newest good checkpoint, or None where none had been written yet.

    `data` names the prepared folder that it would go on with; ValueError if it began with another.
    """
    checkpoints.recover(folder.checkpoints)
    if not checkpoints.names(folder.checkpoints):
        folder.refuse_if_checkpoints_are_gone()
        log.info("%s: no checkpoint yet; training starts at step 0", folder.path)
        return None
    found = checkpoints.load_newest(folder.checkpoints)
    if found.state.data != data:
        raise ValueError(
            f"{folder.path} began with other data (prepared/{found.state.data}, now prepared/{data}): put the files back as "
            "they were, and go on with the version of transduce that it began with, or begin a new run"
        )
    checkpoints.set_aside_after(folder.checkpoints, checkpoints.name_of(found.state.step))
    log.info("resuming from step %d", found.state.step)
    return found


def restored(found: Checkpoint, masters: MasterWeights, optimiser: Stepper, moving: MovingAverage | None) -> TrainState:
    """Puts weights, optimiser, moving average and random generators back to a checkpoint's; its state."""
    masters.load(found.weights)
    optimiser.load(found.optimiser)
    if moving is not None:
        assert found.average is not None  # a run that goes on has the settings it began with
        moving.load(found.average)
    checkpoints.set_random_states(found.random)
    return found.state
