"""Packing for language models: documents of any length fill rows of equal length.

    documents   [5, 6, 7], [8, 9]      with start 2, end 3 and context 4
    stream      2 5 6 7 3 | 2 8 9 3
    rows        [2, 5, 6, 7, 3]   [2, 8, 9, 3]      inputs are row[:-1], targets row[1:]

A row has at most context + 1 tokens. Every token but the start tokens is a target exactly once: a row that continues a
document begins with the last token of the row before.
"""

from collections.abc import Iterable, Iterator

from transduce.data.store import Values


def pack(documents: Iterable[Values], start: int, end: int, context: int) -> Iterator[list[int]]:
    """Rows of the documents, which are ids without start and end. Empty documents are left out.

    >>> list(pack([[5, 6], [7, 8, 9]], start=2, end=3, context=4))
    [[2, 5, 6, 3], [2, 7, 8, 9, 3]]
    >>> list(pack([[5], [6, 7, 8]], start=2, end=3, context=4))
    [[2, 5, 3, 2, 6], [6, 7, 8, 3]]
    """
    row: list[int] = []
    for document in documents:
        if not len(document):
            continue
        if len(row) >= context:  # a start token at the end of a row would be the input of no target
            yield row
            row = []
        tokens, place = [start, *document, end], 0
        while place < len(tokens):
            part = tokens[place : place + context + 1 - len(row)]
            row, place = row + part, place + len(part)
            if len(row) == context + 1:
                yield row
                row = row[-1:] if place < len(tokens) else []
    if row:
        yield row
