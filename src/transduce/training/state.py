"""The state of a run: plain numbers that every checkpoint stores."""

from dataclasses import dataclass, field


@dataclass
class TrainState:
    """Mutable, and owned by the loop alone."""

    data: str = ""  # name of the prepared data: with other data it is another run
    step: int = 0  # updates done
    epoch: int = 0  # of the next batch
    position: int = 0  # of the next batch within its epoch
    target_tokens: int = 0  # seen so far, without padding
    seconds: float = 0.0  # spent so far, over all sittings
    validation_seconds: float = 0.0  # share of `seconds` of the validations
    last_validation: float = 0.0  # seconds of the last validation
    last_candidates: int = 1  # number of weights that the last validation compared
    first_steps: int = (
        0  # updates that the rate of a run of minutes leaves out: they include the cost of kernels and memory
    )
    first_seconds: float = 0.0  # spent on these updates
    rate_step: int = 0  # a validation of a run of minutes, from which the rate is measured
    rate_seconds: float = 0.0  # spent on updates until then
    budget: str = ""  # the setting behind total_steps: where it changes, total_steps is computed again
    total_steps: int | None = None  # None until a budget in minutes is a number of steps
    validate_every: int | None = None
    schedule_total: int | None = None  # the schedule's own number of steps, once total_steps has been corrected
    corrected_at: int = 0  # step of the last correction
    schedule_place: float = 0.0  # step of the schedule there
    threads: int = 1  # on the CPU: with another number, rounding differs
    pieces: int = 1  # micro-batches of each batch, doubled when memory runs out
    skips: int = 0  # updates in a row without a step, because loss or gradient was not finite
    validated_at: int = 0  # step of the last validation; -1: the start is to be validated too
    scores: dict[str, float] = field(default_factory=dict)  # checkpoint name -> score of its validation
    losses: dict[str, float] = field(default_factory=dict)  # the same checkpoints -> dev loss, which breaks ties
    best: str | None = None  # name of the best checkpoint
    best_weights: str = "weights"  # its best candidate: "weights", "mean" or "ema"
    snapshots: list[str] = field(default_factory=list)  # the last validated checkpoints, for their mean
    stop_score: float | None = None  # best metric of early stopping so far, its sign such that more is better
    stop_loss: float = 0.0  # dev loss at stop_score
    stale: int = 0  # validations since stop_score
