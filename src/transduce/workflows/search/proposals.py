"""Which settings a search tries next, by Optuna's tree-structured Parzen estimator (Bergstra et al. 2011, "Algorithms
for Hyper-Parameter Optimization").
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from transduce.config.toml import inline
from transduce.workflows.search.space import Choices, Dimension

if TYPE_CHECKING:
    import optuna

RANDOM_TRIALS = 5  # before the estimator has something to go by
ATTEMPTS = 50  # to propose what was not tried before

Settings = Mapping[str, Any]


def require_optuna() -> None:
    """ValueError, saying what to install, where Optuna is not there."""
    try:
        import optuna  # noqa: F401
    except ImportError:
        raise ValueError("a search needs Optuna: pip install 'transduce[search]', or pip install optuna") from None


def propose(
    dimensions: Sequence[Dimension],
    tried: Sequence[tuple[Settings, float | None]],
    higher_is_better: bool,
    seed: int,
) -> dict[str, Any]:
    """Settings to try next, from those tried with their values (None: it failed). The same from the same, always.

    Something tried before is proposed again only where nothing else turns up.
    """
    before = [{key: inline(value) for key, value in settings.items()} for settings, _ in tried]
    settings: dict[str, Any] = {}
    for settings in _proposals(dimensions, tried, higher_is_better, seed):
        if {key: inline(value) for key, value in settings.items()} not in before:
            break
    return settings


def _proposals(
    dimensions: Sequence[Dimension],
    tried: Sequence[tuple[Settings, float | None]],
    higher_is_better: bool,
    seed: int,
) -> Iterator[dict[str, Any]]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {each.key: _distribution(each) for each in dimensions}
    worst = -math.inf if higher_is_better else math.inf
    sampler = optuna.samplers.TPESampler(seed=seed % 2**32, n_startup_trials=RANDOM_TRIALS)
    study = optuna.create_study(direction="maximize" if higher_is_better else "minimize", sampler=sampler)
    for settings, value in tried:
        parameters = {
            each.key: inline(settings[each.key]) if isinstance(each, Choices) else settings[each.key]
            for each in dimensions
        }
        past = optuna.trial.create_trial(
            params=parameters, distributions=distributions, value=worst if value is None else value
        )
        study.add_trial(past)
    for _ in range(ATTEMPTS):
        parameters = study.ask(distributions).params
        yield {each.key: _value(each, parameters[each.key]) for each in dimensions}


def _distribution(dimension: Dimension) -> "optuna.distributions.BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(dimension, Choices):
        return CategoricalDistribution(dimension.texts)
    if dimension.whole:
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.by_factors)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.by_factors)


def _value(dimension: Dimension, parameter: Any) -> Any:
    """Optuna's parameter as a setting."""
    if isinstance(dimension, Choices):
        return dimension.values[dimension.texts.index(parameter)]
    return dimension.rounded(parameter)
