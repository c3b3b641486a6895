"""What becomes of a pair, as a small number: the part it goes to, or why it goes to none."""

TRAIN, DEV, TEST, IN_DEV, IN_TEST, STRANGE_TAG, DUPLICATE, COPY, TOO_LONG, FEW_LETTERS, WRONG_SCRIPT, DAMAGED = range(
    12
)

PARTS = {TRAIN: "train", DEV: "dev", TEST: "test"}

REMOVED = {
    IN_DEV: "source occurs in dev",
    IN_TEST: "source occurs in test",
    STRANGE_TAG: "held out, but its tag occurs in no train pair",
    DUPLICATE: "duplicate",
    COPY: "target equals source",
    TOO_LONG: "longer than max-characters",
    FEW_LETTERS: "too few letters",
    WRONG_SCRIPT: "wrong script",
    DAMAGED: "damaged encoding",
}
