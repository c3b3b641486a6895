"""A trained model in use: translate lines, score pairs."""

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from transduce import models
from transduce.architectures.transformer import EncoderDecoder
from transduce.architectures.transformer_decoding import TransformerDecoding
from transduce.decoding.config import Decoding
from transduce.decoding.engine import decode
from transduce.decoding.hypothesis import SpecialIds
from transduce.hardware import best_device
from transduce.tasks import translation
from transduce.text.special import END

DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Translation:
    """One output: its text, score (log-probability / length^alpha) and log-probability in nats."""

    text: str
    score: float
    log_probability: float
    source_cut: bool = False  # the source was longer than the model takes, and only its beginning was translated
    ended: bool = True  # the model ended it; False if it was cut at the longest output allowed


@dataclass(frozen=True)
class Scored:
    """Log-probability of a target given its source, in nats: of the whole, and of each of its tokens, the end last."""

    log_probability: float
    tokens: tuple[float, ...]
    pieces: tuple[str, ...]
    source_cut: bool = False  # as in Translation


class Model:
    """What `transduce.load` returns. `network` is the torch module, `spec` says what it is made of."""

    def __init__(self, loaded: models.Loaded, device: str, folder: Path | None = None) -> None:
        self.network: EncoderDecoder = loaded.network
        self.spec = loaded.spec
        self.tokenizers = loaded.tokenizers
        self.device = device
        self.folder = folder

    def translate(
        self, lines: Iterable[str], beam_size: int | None = None, progress: Callable[[int], object] | None = None
    ) -> list[str]:
        """The best output for each line, in order; a blank line gives a blank line, one that is too long a warning.

        `progress` is called with the number of lines just done, batch by batch (`tqdm.update` fits).
        """
        results = self.translate_n_best(lines, beam_size, progress=progress)
        for number, outputs in enumerate(results, 1):
            if outputs[0].source_cut:
                limit = self.spec.generation.max_source
                warnings.warn(f"line {number} has more than {limit} tokens: its beginning was translated", stacklevel=2)
        return [outputs[0].text for outputs in results]

    def translate_n_best(
        self,
        lines: Iterable[str],
        beam_size: int | None = None,
        n_best: int = 1,
        progress: Callable[[int], object] | None = None,
    ) -> list[list[Translation]]:
        """The `n_best` outputs of each line, best first. A blank line gives one blank output."""
        lines = _texts(lines)
        settings = self.decoding(beam_size, n_best)
        rows, cut = self._source_rows(lines)
        wanted = [place for place, line in enumerate(lines) if line.strip()]
        sources = [[*rows[place], END] for place in wanted]
        found = decode(self.decodable(), sources, settings, self.special_ids(), progress, self.device)
        results = [[Translation("", 0.0, 0.0)] for _ in lines]
        for place, hypotheses in zip(wanted, found, strict=True):
            texts = self.tokenizers.target.decode_batch([hypothesis.ids for hypothesis in hypotheses])
            results[place] = [
                Translation(text, h.score, h.log_probability, cut[place], h.ended)
                for text, h in zip(texts, hypotheses, strict=True)
            ]
        return results

    def score(self, pairs: Iterable[Sequence[str]], batch_tokens: int = 4096) -> list[Scored]:
        """Log-probabilities of given targets, in order. Sources that are too long are cut as in `translate`."""
        pairs = [_texts(pair) for pair in pairs]
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError("expected pairs (source, target)")
        source, cut = self._source_rows([pair[0] for pair in pairs])
        target = self.tokenizers.target.encode_batch([pair[1] for pair in pairs])
        results: list[Scored | None] = [None] * len(pairs)
        for group in by_length([max(len(s), len(t)) + 1 for s, t in zip(source, target, strict=True)], batch_tokens):
            batch = translation.batch_of([source[i] for i in group], [target[i] for i in group], self.device)
            for place, tokens in zip(group, translation.token_log_probabilities(self.network, batch), strict=True):
                pieces = (*self.tokenizers.target.pieces(target[place]), "</s>")
                results[place] = Scored(math.fsum(tokens), tuple(tokens), pieces, cut[place])
        return [result for result in results if result is not None]

    def _source_rows(self, lines: Sequence[str]) -> tuple[list[list[int]], list[bool]]:
        """Ids without the end token, cut to what the model takes, and whether each was cut."""
        most = self.spec.generation.max_source - 1
        rows = self.tokenizers.source.encode_batch(list(lines))
        return [row[:most] for row in rows], [len(row) > most for row in rows]

    def decodable(self) -> TransformerDecoding:
        return TransformerDecoding(self.network)

    def special_ids(self) -> SpecialIds:
        generation = self.spec.generation
        return SpecialIds(pad=generation.pad, start=generation.start, end=generation.end)

    def decoding(self, beam_size: int | None = None, n_best: int = 1) -> Decoding:
        """The model's own settings, with a beam wide enough for `n_best` and as wide as asked for."""
        own = self.spec.generation
        beam = max(own.beam, n_best) if beam_size is None else beam_size
        base = Decoding(
            alpha=own.alpha, max_length=own.max_length, max_ratio=own.max_ratio, max_extra=own.max_extra, beam=own.beam
        )
        return replace(base, beam=beam, n_best=n_best)


def _texts(lines: Iterable[str]) -> list[str]:
    """Any iterable of strings as a list; a bare string is refused, which would be taken letter by letter."""
    if isinstance(lines, str):
        raise ValueError("expected a list of lines, found one string; use [line]")
    found = list(lines)
    for place, line in enumerate(found):
        if not isinstance(line, str):
            raise ValueError(f"expected strings, found {type(line).__name__} at place {place}")
    return found


def by_length(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Places in groups of similar length, each of at most `batch_tokens` padded tokens (one place at least)."""
    groups: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if not groups or (len(groups[-1]) + 1) * lengths[place] > batch_tokens:
            groups.append([])
        groups[-1].append(place)
    return groups


def load(path: str | Path, device: str | None = None, precision: str = "float32") -> Model:
    """Reads a model folder, every file checked against its manifest. `device` is "cpu" or "cuda", the best by default."""
    if precision not in DTYPES:
        raise ValueError(f"precision must be one of {', '.join(DTYPES)}, found {precision!r}")
    device = device or best_device()
    return Model(models.load_folder(Path(path), device, DTYPES[precision]), device, Path(path))
