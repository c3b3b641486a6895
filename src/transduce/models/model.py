"""A trained model in use: translate lines, score pairs."""

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from transduce.data.batching import by_length
from transduce.decoding.config import Decoding
from transduce.decoding.engine import decode
from transduce.decoding.hypothesis import Hypothesis, SpecialIds
from transduce.decoding.protocol import Decodable
from transduce.decoding.requests import Request
from transduce.machine.hardware import best_device
from transduce.models import folder as model_folder
from transduce.models.outputs import Scored, Translation
from transduce.models.prefixes import LineError, prefix_rows
from transduce.networks.stepping import TransformerDecoding
from transduce.networks.transformer import EncoderDecoder
from transduce.tasks import translation

MOST_TARGET = 8192  # tokens of a target that is given: memory grows with their square

DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16}


class Model:
    """What `transduce.load` returns. `network` is the torch module, `spec` says what it is made of."""

    def __init__(self, loaded: model_folder.Loaded, device: str, folder: Path | None = None) -> None:
        self.network: EncoderDecoder = loaded.network
        self.spec = loaded.spec
        self.tokenizers = loaded.tokenizers
        self.device = device
        self.folder = folder

    @property
    def name(self) -> str:
        """For messages: the folder it was read from."""
        return "the model" if self.folder is None else str(self.folder)

    def translate(
        self,
        lines: Iterable[str],
        beam_size: int | None = None,
        progress: Callable[[int], object] | None = None,
        *,
        settings: Decoding | None = None,
        tags: Sequence[Sequence[str]] | None = None,
        prefixes: Sequence[str] | None = None,
    ) -> list[str]:
        """The best output for each line, in order; a blank line gives a blank line, one that is too long a warning.

        `progress` is called with the number of lines just done, batch by batch (`tqdm.update` fits). The others are
        those of `translate_n_best`.
        """
        results = self.translate_n_best(
            lines, beam_size, progress=progress, settings=settings, tags=tags, prefixes=prefixes
        )
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
        *,
        settings: Decoding | None = None,
        tags: Sequence[Sequence[str]] | None = None,
        prefixes: Sequence[str] | None = None,
        first_place: int = 0,
    ) -> list[list[Translation]]:
        """The `n_best` outputs of each line, best first. A blank line gives one blank output.

        settings: how to decode, in place of beam_size and n_best; `decoding` makes them.
        tags: the tags of each line, for a model that was trained with tags: [("de",), ("fr", "formal")].
        prefixes: a text for each line that its output begins with; "" for none. The output goes on after the prefix's
            last token, which may be within its last word.
        first_place: number of lines with text before these in the same stream, on which random draws depend.

        ValueError for an unknown tag, and LineError for a prefix that leaves its output no room.
        """
        lines = _texts(lines)
        settings = self._settings(settings, beam_size, n_best)
        rows, cut = self.source_rows(lines, tags)
        wanted = [place for place, line in enumerate(lines) if line.strip()]
        forced = self._prefix_rows(prefixes, rows, wanted, settings)
        requests = [
            Request(
                [*rows[place], self.tokenizers.source.end],
                prefix,
                settings.limit(len(rows[place]) + 1) - len(prefix),
                first_place + number,
            )
            for number, (place, prefix) in enumerate(zip(wanted, forced, strict=True))
        ]
        results = [[Translation("", 0.0, 0.0)] for _ in lines]
        for number, hypotheses in decode(self.decodable(), requests, settings, self.special_ids(), self.device):
            place = wanted[number]
            results[place] = self._translations(hypotheses, forced[number], cut[place])
            if progress is not None:
                progress(1)
        return results

    def score(
        self,
        pairs: Iterable[Sequence[str]],
        batch_tokens: int = 4096,
        tags: Sequence[Sequence[str]] | None = None,
    ) -> list[Scored]:
        """Log-probabilities of given targets, in order. Sources that are too long are cut as in `translate`.

        ValueError for a target of more than MOST_TARGET tokens.
        """
        pairs = [_texts(pair) for pair in pairs]
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError("expected pairs (source, target)")
        tokenizer = self.tokenizers.target
        source, cut = self.source_rows([pair[0] for pair in pairs], tags)
        target = self.target_rows([pair[1] for pair in pairs])
        results: list[Scored | None] = [None] * len(pairs)
        for group in by_length([max(len(s), len(t)) + 1 for s, t in zip(source, target, strict=True)], batch_tokens):
            batch = translation.batch_of([source[i] for i in group], [target[i] for i in group], self.device)
            for place, tokens in zip(group, self.token_log_probabilities(batch), strict=True):
                pieces = tuple(tokenizer.pieces([*target[place], tokenizer.end]))
                results[place] = Scored(math.fsum(tokens), tuple(tokens), pieces, cut[place])
        return [result for result in results if result is not None]

    def decoding(self, **changes: Any) -> Decoding:
        """The model's own settings, changed: `model.decoding(beam=8, n_best=3)`. Names are the fields of `Decoding`.

        Where no `beam` is given the model's is made wide enough for `n_best` and a multiple of `groups`; draws and
        greedy search have no groups. ValueError for settings that cannot be.
        """
        own = self.spec.generation.decoding()
        drawn = changes.get("sampling") is not None
        if drawn or changes.get("beam") == 1 or changes.get("groups") == 1:
            own = replace(own, groups=1, diversity=0.0)
        if not drawn and "beam" not in changes:
            groups = max(1, changes.get("groups", own.groups))
            changes["beam"] = math.ceil(max(own.beam, changes.get("n_best", 1)) / groups) * groups
        return replace(own, **changes)

    def decodable(self) -> Decodable[Any]:
        """The model as searches see it."""
        return TransformerDecoding(self.network)

    def token_log_probabilities(self, batch: translation.Batch) -> list[list[float]]:
        """Of each target token of each pair, the end token last."""
        return translation.token_log_probabilities(self.network, batch)

    def special_ids(self) -> SpecialIds:
        tokenizer = self.tokenizers.target
        return SpecialIds(tokenizer.pad, tokenizer.start, tokenizer.end, tokenizer.unknown)

    def source_rows(
        self, lines: Sequence[str], tags: Sequence[Sequence[str]] | None = None
    ) -> tuple[list[list[int]], list[bool]]:
        """Ids without the end token, cut to what the model takes, and whether each was cut."""
        if tags is not None and any(isinstance(each, str) for each in tags):
            raise ValueError('expected the tags of each line, as [("de",), ("fr", "formal")], found a string')
        most = self.spec.generation.max_source - 1
        rows = self.tokenizers.source_rows(lines, None if tags is None else [tuple(each) for each in tags])
        return [row[:most] for row in rows], [len(row) > most for row in rows]

    def target_rows(self, targets: Sequence[str]) -> list[list[int]]:
        """Ids of given targets without the end token. ValueError for one of more than MOST_TARGET tokens."""
        rows = self.tokenizers.target.encode_batch(targets)
        for place, row in enumerate(rows, 1):
            if len(row) > MOST_TARGET:
                raise ValueError(
                    f"target {place} has {len(row):,} tokens, of which a model is shown at most {MOST_TARGET:,}; put one "
                    "sentence or paragraph on a line"
                )
        return rows

    def _settings(self, settings: Decoding | None, beam_size: int | None, n_best: int) -> Decoding:
        if settings is None:
            asked = {"n_best": n_best} if beam_size is None else {"n_best": n_best, "beam": beam_size}
            return self.decoding(**asked)
        if beam_size is not None or n_best != 1:
            raise ValueError("give either settings, or beam_size and n_best: settings have a beam and n_best too")
        return settings

    def _prefix_rows(
        self,
        prefixes: Sequence[str] | None,
        sources: Sequence[Sequence[int]],
        wanted: Sequence[int],
        settings: Decoding,
    ) -> list[list[int]]:
        """The ids of the prefixes of the lines `wanted`; LineError for one that leaves its output no room."""
        if prefixes is None:
            return [[] for _ in wanted]
        if len(prefixes) != len(sources):
            raise ValueError(f"expected a prefix for each of {len(sources)} lines, found {len(prefixes)}")
        rows = prefix_rows(self.tokenizers.target, [prefixes[place] for place in wanted], wanted)
        for place, row in zip(wanted, rows, strict=True):
            limit = settings.limit(len(sources[place]) + 1)
            if row and len(row) >= limit:
                raise LineError(
                    place,
                    f"the prefix has {len(row)} tokens, but the output may have at most {limit}, its end included; "
                    "shorten the prefix, or raise max-length, max-ratio or max-extra",
                )
        return rows

    def _translations(self, hypotheses: Sequence[Hypothesis], prefix: Sequence[int], cut: bool) -> list[Translation]:
        tokenizer = self.tokenizers.target
        texts = tokenizer.decode_batch([[*prefix, *hypothesis.ids] for hypothesis in hypotheses])
        return [
            Translation(
                text, h.score, h.log_probability, cut, h.ended, h.ids, tuple(h.token_log_probabilities), tokenizer
            )
            for text, h in zip(texts, hypotheses, strict=True)
        ]


def _texts(lines: Iterable[str]) -> list[str]:
    """Any iterable of strings as a list; a bare string is refused, which would be taken letter by letter."""
    if isinstance(lines, str):
        raise ValueError("expected a list of lines, found one string; use [line]")
    found = list(lines)
    for place, line in enumerate(found):
        if not isinstance(line, str):
            raise ValueError(f"expected strings, found {type(line).__name__} at place {place}")
    return found


def load(path: str | Path, device: str | None = None, precision: str = "float32") -> Model:
    """Reads a model folder, every file checked against its manifest. `device` is "cpu" or "cuda", the best by default."""
    if precision not in DTYPES:
        raise ValueError(f"precision must be one of {', '.join(DTYPES)}, found {precision!r}")
    device = device or best_device()
    return Model(model_folder.load_folder(Path(path), device, DTYPES[precision]), device, Path(path))
