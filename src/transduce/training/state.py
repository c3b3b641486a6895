"""Where a run stands: plain numbers that go into every checkpoint."""

from dataclasses import dataclass, field


@dataclass
class TrainState:
    """Mutable, and owned by the loop alone."""

    data: str = ""  # name of what was prepared for the run: other data would not be the same run
    step: int = 0  # updates done
    epoch: int = 0  # of the next batch
    position: int = 0  # of the next batch within its epoch
    target_tokens: int = 0  # seen so far, without padding
    seconds: float = 0.0  # spent so far, all sittings together
    validation_seconds: float = 0.0  # of those, spent on validations
    last_validation: float = 0.0  # of those, on the last one
    last_tried: int = 1  # how many weights that one compared
    first_steps: int = 0  # updates that the rate of a run of minutes leaves out: they pay for kernels and memory too
    first_seconds: float = 0.0  # spent on those
    budget: str = ""  # what total_steps was reckoned from: another one is reckoned anew
    total_steps: int | None = None  # None while a budget in minutes has not become a number
    validate_every: int | None = None
    threads: int = 1  # on the CPU: another number would round sums in another order
    pieces: int = 1  # micro-batches that each batch is cut into, doubled when memory runs out
    skipped: int = 0  # updates in a row that were not made because the loss was not finite
    validated_at: int = 0  # step of the last validation; -1: what the run begins with is to be validated too
    scores: dict[str, float] = field(default_factory=dict)  # checkpoint name -> score of its validation
    losses: dict[str, float] = field(
        default_factory=dict
    )  # the same checkpoints -> dev loss, which decides between equals
    best: str | None = None  # name of the best checkpoint
    best_weights: str = "weights"  # which of its weights were the best: they themselves, "mean" or "ema"
    snapshots: list[str] = field(default_factory=list)  # the last validated checkpoints, for their mean
    watched: float | None = None  # best so far of what early stopping watches, turned so that more is better
    watched_loss: float = 0.0  # the dev loss there
    stale: int = 0  # validations since then
