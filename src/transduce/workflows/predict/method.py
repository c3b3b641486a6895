"""How lines become translations: searched for or drawn, the best or the least risky, whole or sentence by sentence."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from transduce.data.records import Record
from transduce.decoding.config import Decoding
from transduce.evaluation.minimum_risk import choose
from transduce.models.model import Model
from transduce.tasks import translation
from transduce.tasks.outputs import Output, in_order
from transduce.tasks.task import Prediction
from transduce.text.sentences import Sentence, join, language_code, split

Tags = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Method:
    """How to translate.

    settings: the search or the draws; `Model.decoding` makes them.
    least_risk: of the settings' n-best outputs the one most like all of them by chrF is chosen (minimum Bayes risk).
        Draws count alike, what a search found counts by its probability.
    language: of the sources; each line is then a paragraph, whose sentences are translated one by one and joined with
        the white space that stood between them. ValueError where more than one output is wanted of a paragraph.
    """

    settings: Decoding
    least_risk: bool = False
    language: str | None = None

    def __post_init__(self) -> None:
        if self.language is None:
            return
        language_code(self.language)
        if self.settings.n_best > 1 and not self.least_risk:
            raise ValueError(
                f"n-best must be 1 where paragraphs are split into sentences, found {self.settings.n_best}: a paragraph "
                "has one output, the best of each of its sentences"
            )

    def predict(self, model: Model, records: Sequence[Record]) -> Iterator[Prediction]:
        """The best prediction for each record, in order, by a model of any task.

        ValueError for least risk, and for sentences, with a model that does not translate.
        """
        if not self.least_risk and self.language is None:
            return model.task.predict(model, records, self.settings)
        sources, tags = [record.values[model.task.key] for record in records], [record.tags for record in records]
        return (best for best, *_ in in_order(self.outputs(model, sources, tags=tags)))

    def outputs(
        self,
        model: Model,
        lines: Sequence[str],
        *,
        tags: Tags | None = None,
        prefixes: Sequence[str] | None = None,
        first_place: int = 0,
    ) -> Iterator[tuple[int, list[Output]]]:
        """Each line's place and its outputs, best first, in the order of finishing; arguments and errors as those of
        `Model.translate_n_best`.
        """
        if self.language is None:
            yield from self._outputs(model, lines, tags, prefixes, first_place)
            return
        if prefixes is not None and any(prefixes):
            raise ValueError("a prefix is for a whole line: translate without prefixes, or do not split into sentences")
        paragraphs = [split(line, self.language) for line in lines]
        texts = [sentence.text for paragraph in paragraphs for sentence in paragraph]
        repeated = None if tags is None else [tag for tag, each in zip(tags, paragraphs, strict=True) for _ in each]
        sentences = in_order(self._outputs(model, texts, repeated, None, first_place))
        for place, paragraph in enumerate(paragraphs):
            yield place, [join_sentences(paragraph, [next(sentences)[0] for _ in paragraph], self.settings.alpha)]

    def places(self, lines: Sequence[str]) -> int:
        """How many places in a stream the lines take, for the `first_place` of what comes next."""
        if self.language is None:
            return sum(bool(line.strip()) for line in lines)
        return sum(bool(sentence.text) for line in lines for sentence in split(line, self.language))

    def _outputs(
        self,
        model: Model,
        texts: Sequence[str],
        tags: Tags | None,
        prefixes: Sequence[str] | None,
        first_place: int,
    ) -> Iterator[tuple[int, list[Output]]]:
        model.require(translation.Translation)
        weighted = self.settings.sampling is None
        for place, outputs in translation.outputs(model, texts, self.settings, tags, prefixes, first_place):
            yield place, [least_risk(outputs, weighted)] if self.least_risk else outputs


def least_risk(candidates: Sequence[Output], weighted: bool) -> Output:
    """The candidate most like all of them by chrF, each counted once or, where `weighted`, by its probability."""
    if not weighted:
        return candidates[choose([each.text for each in candidates])]
    highest = max(each.log_probability for each in candidates)
    weights = [math.exp(each.log_probability - highest) for each in candidates]
    return candidates[choose([each.text for each in candidates], weights)]


def join_sentences(sentences: Sequence[Sentence], outputs: Sequence[Output], alpha: float) -> Output:
    """The translation of a paragraph, made of those of its sentences. Its tokens are all of theirs, ends included."""
    log_probability = math.fsum(each.log_probability for each in outputs)
    tokens = tuple(token for each in outputs for token in each.token_log_probabilities)
    ids = tuple(token for each in outputs for token in _ids_with_end(each))
    ended = all(each.ended for each in outputs)
    return Output(
        text=join(sentences, [each.text for each in outputs]),
        score=log_probability / max(1, len(tokens)) ** alpha,
        log_probability=log_probability,
        source_cut=any(each.source_cut for each in outputs),
        ended=ended,
        ids=ids[:-1] if outputs and _has_end(outputs[-1]) else ids,
        token_log_probabilities=tokens,
        tokenizer=next((each.tokenizer for each in outputs if each.tokenizer is not None), None),
    )


def _ids_with_end(output: Output) -> tuple[int, ...]:
    return (*output.ids, output.tokenizer.end) if output.tokenizer is not None and _has_end(output) else output.ids


def _has_end(output: Output) -> bool:
    return len(output.token_log_probabilities) > len(output.ids)
