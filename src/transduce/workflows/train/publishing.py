"""Publish: write the model folder of a run."""

from collections.abc import Mapping

from torch import Tensor

from transduce.config import tree_of
from transduce.data.prepared import Prepared
from transduce.models.card import Training, model_card
from transduce.models.folder import save
from transduce.models.model import Model
from transduce.networks.stepping import decodes
from transduce.networks.tensors import tensors_of
from transduce.training.job import Publish
from transduce.training.state import TrainState
from transduce.workflows.train.run_file import RunConfig
from transduce.workflows.train.run_folder import RunFolder
from transduce.workflows.train.start_from import Start
from transduce.workflows.train.validation import DevSet


def training_history(
    folder: RunFolder, run: RunConfig, prepared: Prepared, start: Start | None, dev: DevSet
) -> Training:
    """The facts of the run that its model card names."""
    settings = tree_of(run.training, folder.parts)
    base = None if start is None else start.name
    return Training(settings, prepared.report, run.seed, base, len(dev.items), dev.signatures())


def publisher(folder: RunFolder, model: Model, history: Training) -> Publish:
    """A function that writes the model folder with the weights that it gets."""
    network, processors = model.network, model.processors

    def publish(state: TrainState, weights: dict[str, Tensor], values: Mapping[str, float]) -> None:
        card = model_card(folder.path.name, model.config, network, processors, history, state, values)
        generation = model.generation if decodes(network) else None
        tensors = {**tensors_of(network), **weights}
        save(folder.model, model.config, tensors, processors, generation, card, folder.parts)

    return publish
