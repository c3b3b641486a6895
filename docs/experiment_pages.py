"""The pages of docs/experiments, each computed by the module of its name, and their index."""

from experiments import (
    attention_by_hand,
    causal_jacobian,
    dropout_scale,
    lstm_and_gru,
    normalisation,
    score_scale,
    upsampling,
    weights_of_all,
    word_order,
)

EXPERIMENTS = (
    normalisation,
    dropout_scale,
    score_scale,
    causal_jacobian,
    word_order,
    lstm_and_gru,
    attention_by_hand,
    upsampling,
    weights_of_all,
)

INDEX = """# Experiments

Small measurements of what layers do, each in a second or less. The Python file beside a page computes its numbers and its
picture; `make pages` writes them anew.

| page | question |
|---|---|
"""


def pages() -> dict[str, str]:
    """Files of docs/experiments by name."""
    files: dict[str, str] = {}
    rows = ""
    for experiment in EXPERIMENTS:
        parts = experiment.pages()
        files |= parts
        name = next(name for name in parts if name.endswith(".md"))
        title = parts[name].splitlines()[0].removeprefix("# ")
        rows += f"| [{title}]({name}) | {(experiment.__doc__ or '').strip()} |\n"
    return {"README.md": INDEX + rows, **files}
