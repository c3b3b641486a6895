"""Learns the processors of a preparation, from the train records that a model will see."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress

import numpy as np
from jaxtyping import Bool

from transduce.data.cleaning.rules import Clean
from transduce.data.columns import Processor, Text
from transduce.data.encoding import blocks
from transduce.data.findings import Findings
from transduce.data.lengths import length_faults
from transduce.data.part_assignment import Decision, training_records
from transduce.data.processors import Processors
from transduce.data.records import Record, RecordType, of_kind, plural
from transduce.data.scan import Origin
from transduce.text.config import TokenizerConfig
from transduce.text.learn.learn import VocabularyError, train
from transduce.text.tokenizer import Tokenizer

MOST_UNUSABLE = 0.05  # share of the characters that a tokenizer may learn from in vain


def records_to_learn_from(task: RecordType, tokenizer: TokenizerConfig) -> int:
    """Records that give as many lines as a tokenizer learns from: a shared one takes a line of each text column."""
    return max(1, tokenizer.sample // max(1, len(of_kind(task, Text)))) if tokenizer.shared else tokenizer.sample


@dataclass(frozen=True)
class Learning:
    """Learns the processors from the records of train alone, without those that the rules of [data.clean] leave out.

    Which records have too many tokens is known only with a tokenizer. Where they are more than a few, tokenizers are learnt
    a second time without them: else they would fill the vocabulary with pieces that no record in use has.

    ready: processors that are used as they are.
    """

    task: RecordType
    origin: Origin
    decision: Decision
    ready: Processors
    config: TokenizerConfig
    clean: Clean
    seed: int
    _characters: Counter[str] = field(default_factory=Counter)  # of all records read, and of the suspects

    def processors(self) -> Processors:
        """One for each column; the tokenizer of the key column gets the tags."""
        task = self.task
        by_column: dict[str, Processor] = {**self.ready, **self._tokenizers()}
        for name, column in task.columns.items():
            if name not in by_column:
                own_kind = (other for other in by_column if task.columns[other].file == column.file)
                before = next(own_kind, None) if column.shared else None
                values = self._values(name, column.sample)
                by_column[name] = column.learn(values, name) if before is None else by_column[before]
        return Processors({name: by_column[name] for name in task.columns})

    def _tokenizers(self) -> dict[str, Tokenizer]:
        """One for each text column that has none."""
        tokenizers = self._learn(None)
        if not tokenizers or self._characters["suspect"] < MOST_UNUSABLE * self._characters["all"]:
            return tokenizers
        usable = self._usable(Processors({**self.ready, **tokenizers}))
        return tokenizers if usable is None else self._learn(usable)

    def _learn(self, usable: bytes | None) -> dict[str, Tokenizer]:
        """Tokenizers from the records of the sample, or from those that `usable` marks."""
        tags = self.decision.tags
        texts = [name for name in of_kind(self.task, Text) if name not in self.ready]
        if texts and self.config.shared:
            with _key_named("tokenizer"):
                shared = train(self._lines(usable, *texts), self.config.side(texts[0]), self.config, tags)
            return dict.fromkeys(texts, shared)
        by_column: dict[str, Tokenizer] = {}
        for name in texts:
            own = name in self.config.columns
            with _key_named(f"tokenizer.{name}" if own else "tokenizer", plural(name)):
                side_tags = tags if name == self.task.key else ()
                by_column[name] = train(self._lines(usable, name), self.config.side(name), self.config, side_tags)
        return by_column

    def _usable(self, processors: Processors) -> bytes | None:
        """Marks the records of the sample that have suitable numbers of tokens; None where few or all have others."""
        texts = of_kind(self.task, Text)
        marks = bytearray()
        total = unusable = 0
        for block in blocks(self._sample("checking the lengths of"), self.task):
            suspects = np.array([self._is_suspect(record) for record in block])
            usable = np.ones(len(block), bool)
            usable[suspects] = ~self._faulty(list(compress(block, suspects)), processors)
            sizes = np.array([sum(len(record.values[name]) for name in texts) for record in block])
            total, unusable = total + int(sizes.sum()), unusable + int(sizes[~usable].sum())
            marks += usable.tobytes()
        return bytes(marks) if unusable >= MOST_UNUSABLE * total and any(marks) else None

    def _faulty(self, records: Sequence[Record], processors: Processors) -> Bool[np.ndarray, " R"]:
        lengths = {
            name: np.array(
                [len(ids) for ids in processors[name].encode_batch([each.values[name] for each in records])], int
            )
            for name in of_kind(self.task, Text)
        }
        lengths[self.task.key] += np.array([len(record.tags) for record in records], int)
        faulty = np.zeros(len(records), bool)
        for _, applies in length_faults(self.task, self.clean, records, lengths, ratios=True):
            faulty |= applies
        return faulty

    @cached_property
    def _limited(self) -> list[str]:
        """The columns in which max-length limits the tokens."""
        columns = self.task.columns.items()
        return [name for name, column in columns if isinstance(column, Text) and column.limit is None]

    def _is_suspect(self, record: Record) -> bool:
        """Whether it may have too many tokens, or too many for the other text. A text has seldom more tokens than characters."""
        most = self.clean.max_length
        return self.clean.max_ratio is not None or any(len(record.values[name]) > most for name in self._limited)

    def _sample(self, title: str) -> Iterator[Record]:
        """The train records to learn tokenizers from."""
        limit = records_to_learn_from(self.task, self.config)
        return training_records(self.origin.read(title, Findings()), self.decision.assignment.train, limit, self.seed)

    def _lines(self, usable: bytes | None, *columns: str) -> Iterator[str]:
        records = self._sample(f"learning {' and '.join(columns)} tokens from")
        for record in records if usable is None else compress(records, usable):
            size = sum(len(record.values[name]) for name in columns)
            self._characters["all"] += size
            self._characters["suspect"] += size * self._is_suspect(record)
            for name in columns:
                yield record.values[name]

    def _values(self, column: str, most: int | None) -> Iterator[str]:
        outcomes = self.decision.assignment.train
        records = self.origin.read(f"learning {plural(column)} from", Findings())
        limit = len(outcomes) if most is None else most
        return (record.values[column] for record in training_records(records, outcomes, limit, self.seed))


@contextmanager
def _key_named(table: str, of: str = "") -> Iterator[None]:
    """Names the table, and the column, of a vocabulary that does not suit the text."""
    try:
        yield
    except VocabularyError as error:
        raise ValueError(f"[{table}] {error}" + (f" (of the {of})" if of else "")) from None
