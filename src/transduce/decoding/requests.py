"""Requests to decode, and batches of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MIN_PADDED = 8  # tokens that a shorter request counts for in a batch: its output takes memory too


@dataclass(frozen=True)
class Request:
    """One output, or n-best outputs, to decode.

    inputs: token ids of the input (the source of a translation); None for a model without inputs.
    prompt: token ids that the output continues, without the start id; they are not part of the output.
    limit: longest output in tokens, the end token included.
    place: number of this request in the whole stream; random draws depend on it.
    """

    inputs: Sequence[int] | None
    prompt: Sequence[int]
    limit: int
    place: int

    @property
    def cost(self) -> int:
        """Tokens that it takes up in a batch."""
        return max(len(self.inputs or ()), len(self.prompt) + 1)

    def check(self, index: int) -> None:
        """ValueError for an empty input, a prompt that leaves the output no room, and ids that cannot be."""
        if self.inputs is not None and len(self.inputs) == 0:
            raise ValueError(f"source {index} (counted from 0) has no tokens: leave out empty sources")
        if self.limit < 1:
            raise ValueError(
                f"request {index} (counted from 0) has a prompt of {len(self.prompt)} tokens, which leaves its output no "
                f"room: its limit must be at least 1, found {self.limit}; shorten the prompt, or raise max-length, "
                "max-ratio or max-extra"
            )
        for token in self.prompt:
            if token < 0:
                raise ValueError(
                    f"the prompt of request {index} (counted from 0) has the id {token}, expected 0 or more"
                )


def check(requests: Sequence[Request]) -> None:
    """ValueError for a request that cannot be decoded, or for inputs in some requests but not in all."""
    for index, request in enumerate(requests):
        request.check(index)
        if (request.inputs is None) != (requests[0].inputs is None):
            raise ValueError(f"either all requests have inputs or none has, but request {index} differs from request 0")


def batches(costs: Sequence[int], batch_tokens: int, beam: int) -> Iterator[list[int]]:
    """Indices of requests that are decoded together, those of highest cost first.

    A batch has at most `batch_tokens` padded tokens, each counted `beam` times, and always one request:
    `list(batches([1, 20, 10], batch_tokens=40, beam=1)) == [[1, 2], [0]]`.
    """
    batch: list[int] = []
    size = 0
    for index in sorted(range(len(costs)), key=lambda i: -costs[i]):
        if batch and len(batch) == size:
            yield batch
            batch = []
        if not batch:
            size = max(1, batch_tokens // (beam * max(costs[index], MIN_PADDED)))
        batch.append(index)
    if batch:
        yield batch
