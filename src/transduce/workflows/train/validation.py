"""What a validation measures on the dev set: loss, perplexity, every metric on decoded sentences, and samples to look at."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from transduce.data.batching import by_length
from transduce.data.records import shortened
from transduce.data.store import TokenStore
from transduce.decoding.config import Decoding
from transduce.decoding.engine import decode
from transduce.decoding.hypothesis import SpecialIds
from transduce.decoding.requests import Request
from transduce.evaluation.metrics import QUICK_METRICS
from transduce.evaluation.perplexity import perplexity
from transduce.networks.stepping import TransformerDecoding
from transduce.networks.transformer import EncoderDecoder
from transduce.tasks import translation
from transduce.tasks.translation import HeldOutText
from transduce.terminal import harmless
from transduce.text.pair import Tokenizers
from transduce.text.special import END, PAD, START, UNKNOWN
from transduce.training.interrupt import StopRequest
from transduce.training.job import Validation

LOSS_PAIRS = 4000  # dev pairs at most whose loss is measured
SAMPLES, WIDTH = 3, 160  # sentences shown of each validation, and characters of each
NO_OUTPUTS = "  no outputs: the network gives no finite probabilities"
SPECIAL = SpecialIds(pad=PAD, start=START, end=END, unknown=UNKNOWN)


def dev_places(count: int, most: int) -> Int[np.ndarray, " K"]:
    """At most `most` of `count` places, in order: the same ones every time, from everywhere in a file that is sorted."""
    return np.sort(np.random.default_rng(0).choice(count, min(count, most), replace=False))


@dataclass(frozen=True)
class DevSet:
    """What validations look at, the same every time."""

    store: TokenStore
    texts: Sequence[HeldOutText]
    tokenizers: Tokenizers
    decoding: Decoding
    batch_tokens: int
    device: str

    def validate(self, network: EncoderDecoder, stop: StopRequest) -> Validation:
        """Measures with the network in evaluation mode: loss, perplexity and every one of QUICK_METRICS.

        All are NaN where the network's probabilities are. Raises Interrupted within a batch or two of a stop request.
        """
        network.eval()
        try:
            values = self._loss(network, stop)
            if not math.isfinite(values["loss"]):  # nothing can be decoded; the updates that follow end the run
                return Validation(dict.fromkeys([*values, *QUICK_METRICS], math.nan), NO_OUTPUTS)
            outputs = self._translate(network, stop)
        finally:
            network.train()
        references = [text.references for text in self.texts]
        values |= {name: each.compute(outputs, references).value for name, each in QUICK_METRICS.items()}
        return Validation(values, self._samples(outputs))

    def _loss(self, network: EncoderDecoder, stop: StopRequest) -> dict[str, float]:
        pairs = dev_places(len(self.store), LOSS_PAIRS)
        source, target = self.store.rows("source", pairs), self.store.rows("target", pairs)
        total, tokens = 0.0, 0
        lengths = [max(len(s), len(t)) + 1 for s, t in zip(source, target, strict=True)]
        for group in by_length(lengths, self.batch_tokens):
            stop.check()
            batch = translation.batch_of([source[i] for i in group], [target[i] for i in group], self.device)
            for found in translation.token_log_probabilities(network, batch):
                total += sum(found)
                tokens += len(found)
        if not math.isfinite(total):
            return {"loss": math.nan, "perplexity": math.nan}
        return {"loss": -total / tokens, "perplexity": perplexity(total, tokens)}

    def _translate(self, network: EncoderDecoder, stop: StopRequest) -> list[str]:
        rows = self.tokenizers.source_rows([text.source for text in self.texts], [text.tags for text in self.texts])
        greedy = self.decoding.greedy()
        requests = [Request([*row, END], (), greedy.limit(len(row) + 1), place) for place, row in enumerate(rows)]
        ids: dict[int, tuple[int, ...]] = {}
        for place, (best, *_) in decode(TransformerDecoding(network), requests, greedy, SPECIAL, self.device):
            stop.check()
            ids[place] = best.ids
        return self.tokenizers.target.decode_batch([ids[place] for place in range(len(rows))])

    def _samples(self, outputs: Sequence[str]) -> str:
        shown = list(zip(self.texts, outputs, strict=True))[:SAMPLES]
        return "\n".join(
            f"  source     {_shown(' '.join([*text.tags, text.source]))}\n"
            f"  output     {_shown(output)}\n"
            f"  reference  {_shown(text.references[0])}"
            for text, output in shown
        )


def _shown(text: str) -> str:
    return shortened(harmless(text), WIDTH)
