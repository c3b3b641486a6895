"""Several models that decode as one.

Letters: B sentences, K beams, T new tokens per beam, S input length, V vocabulary, R chosen sentences.
"""

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from transduce.decoding.protocol import Attending, Decodable, Padded

States = tuple[Any, ...]  # one of each model


class Ensemble(Decodable[States]):
    """Models with the same vocabularies, whose probabilities for the next token are averaged.

    They may differ in everything else. Raises ValueError for no models, and at the first step for vocabularies of
    different sizes.
    """

    def __init__(self, models: Sequence[Decodable[Any]]) -> None:
        if not models:
            raise ValueError("an ensemble needs at least one model, found none")
        self.models = tuple(models)

    @property
    def training(self) -> bool:
        """Whether a model is in training mode, in which it must not decode."""
        return any(getattr(model, "training", False) for model in self.models)

    def start(self, inputs: Padded | None, prompts: Padded) -> States:
        return tuple(model.start(inputs, prompts) for model in self.models)

    def step(self, tokens: Int[Tensor, "B K T"], state: States) -> tuple[Float[Tensor, "B K T V"], States]:
        """Logits whose softmax is the mean of the models' probabilities.

        They are shifted to the mean of the models' normalisers. No probability depends on that, but a repetition
        penalty looks at logits: so shifted, several times the same model is that model, logits and all.
        """
        results = [model.step(tokens, own) for model, own in zip(self.models, state, strict=True)]
        logits = [own.float() for own, _ in results]
        self._check_sizes([own.size(-1) for own in logits])
        normalisers = [own.logsumexp(-1, keepdim=True) for own in logits]
        total = reduce(torch.logaddexp, (own - norm for own, norm in zip(logits, normalisers, strict=True)))
        shift = torch.stack(normalisers).mean(0) - math.log(len(self.models))
        return total + shift, tuple(following for _, following in results)

    def _check_sizes(self, sizes: list[int]) -> None:
        if len(set(sizes)) > 1:
            raise ValueError(
                f"models of an ensemble must have the same target vocabulary, found sizes {', '.join(map(str, sizes))}"
            )

    def attended(self, state: States) -> Float[Tensor, "B K T S"]:
        """The mean of the models' attention."""
        attention = []
        for number, (model, own) in enumerate(zip(self.models, state, strict=True)):
            if not isinstance(model, Attending):
                raise ValueError(
                    f"coverage-penalty must be 0 with a model that does not show its attention: model {number} "
                    f"(counted from 0) of the ensemble, {type(model).__name__}, has no method `attended`"
                )
            attention.append(model.attended(own))
        return torch.stack(attention).mean(0)

    def reorder(self, state: States, beams: Int[Tensor, "B K"]) -> States:
        return tuple(model.reorder(own, beams) for model, own in zip(self.models, state, strict=True))

    def select(self, state: States, rows: Int[Tensor, " R"]) -> States:
        return tuple(model.select(own, rows) for model, own in zip(self.models, state, strict=True))

    def join(self, state: States, other: States) -> States:
        pairs = zip(self.models, state, other, strict=True)
        return tuple(model.join(mine, theirs) for model, mine, theirs in pairs)
