"""Packing: no token is lost, none is a target twice, and no row is longer than the context allows."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from transduce.data.packing import pack

START, END = 0, 1
DOCUMENTS = st.lists(st.lists(st.just(2), max_size=30), max_size=12)


def numbered(documents: list[list[int]]) -> list[list[int]]:
    """The documents with a number of its own for each token."""
    numbers = iter(range(2, 10_000))
    return [[next(numbers) for _ in document] for document in documents]


def test_a_worked_example() -> None:
    assert list(pack([[5, 6, 7], [8, 9]], START, END, 4)) == [[0, 5, 6, 7, 1], [0, 8, 9, 1]]
    assert list(pack([[5], [6, 7, 8]], START, END, 4)) == [[0, 5, 1, 0, 6], [6, 7, 8, 1]]


@given(DOCUMENTS, st.integers(1, 12))
def test_every_token_but_the_starts_is_a_target_exactly_once(documents: list[list[int]], context: int) -> None:
    documents = numbered(documents)
    rows = list(pack(documents, START, END, context))
    assert all(2 <= len(row) <= context + 1 for row in rows)
    filled = [document for document in documents if document]
    targets = Counter(token for row in rows for token in row[1:] if token != START)
    assert targets == Counter([token for document in filled for token in document] + [END] * len(filled))


@given(DOCUMENTS, st.integers(1, 12))
def test_each_target_follows_the_token_before_it(documents: list[list[int]], context: int) -> None:
    """Inside a document, the input at a target's place is the token before it, also across rows."""
    documents = numbered(documents)
    before = {token: last for document in documents for last, token in pairwise([START, *document])}
    last_of = {document[-1] for document in documents if document}
    for row in pack(documents, START, END, context):
        for last, target in pairwise(row):
            if target not in (START, END):
                assert before[target] == last
            elif target == END:
                assert last in last_of
            else:
                assert last == END


@given(DOCUMENTS, st.integers(1, 12))
def test_rows_are_full_but_for_the_last_and_those_before_a_document(documents: list[list[int]], context: int) -> None:
    rows = list(pack(numbered(documents), START, END, context))
    for row, after in pairwise(rows):
        assert len(row) == context + 1 or (len(row) == context and after[0] == START)


def test_long_documents_take_linear_time() -> None:
    assert sum(1 for _ in pack([[5] * 3_000_000], START, END, 16)) == 187_501
