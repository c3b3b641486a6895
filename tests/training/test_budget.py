"""How budgets become steps."""

import pytest

from transduce.training import budget
from transduce.training.config import TrainingConfig
from transduce.training.schedules import SCHEDULES
from transduce.training.state import TrainState


def test_steps_and_epochs_are_known_from_the_start():
    assert budget.in_steps(TrainingConfig(steps=95), 10) == budget.Budget(95, 10)
    assert budget.in_steps(TrainingConfig(epochs=2.5, accumulate=2), 100) == budget.Budget(125, 13)
    assert budget.in_steps(TrainingConfig(minutes=1.0), 100) is None


def test_no_budget_means_thirty_minutes():
    assert TrainingConfig().time_budget == 30.0
    assert TrainingConfig(steps=1).time_budget is None


def test_minutes_settle_after_200_steps_or_a_fifth_of_the_time():
    config = TrainingConfig(minutes=10.0)
    assert not budget.probe_is_over(config, TrainState(step=199, seconds=100.0))
    assert budget.probe_is_over(config, TrainState(step=200, seconds=100.0))
    assert budget.probe_is_over(config, TrainState(step=10, seconds=121.0))


def test_few_steps_may_take_two_fifths_of_the_time():
    config = TrainingConfig(minutes=10.0)
    assert not budget.probe_is_over(config, TrainState(step=9, seconds=239.0))
    assert budget.probe_is_over(config, TrainState(step=1, seconds=241.0))


def test_the_validation_of_a_start_is_no_part_of_the_probe():
    """Of ten minutes it took five: a fifth of the other five is for the probe."""
    config, start = TrainingConfig(minutes=10.0), {"validation_seconds": 300.0}
    assert not budget.probe_is_over(config, TrainState(step=0, seconds=300.0, **start))
    assert not budget.probe_is_over(config, TrainState(step=20, seconds=359.0, **start))
    assert budget.probe_is_over(config, TrainState(step=20, seconds=361.0, **start))


def test_the_rate_is_that_without_the_first_updates():
    """Five of eight seconds each, then 0.1 s each."""
    config, state = TrainingConfig(minutes=10.0, validate_every=1000), TrainState(last_validation=1e-9)
    for step in range(1, 201):
        state.step, state.seconds = step, state.seconds + (8.0 if step <= 5 else 0.1)
        budget.note_first(state)
    assert budget.of_minutes(config, state).total_steps == pytest.approx(200 + (600 - 59.5) / 0.1, abs=2)


def test_a_rate_of_nothing_but_first_updates_is_theirs():
    state = TrainState(step=2, seconds=31.0, validation_seconds=1.0, last_validation=1e-9)
    budget.note_first(state)
    result = budget.of_minutes(TrainingConfig(minutes=1.0, validate_every=1000), state)
    assert result.total_steps == 2 + 29 // 15


@pytest.mark.parametrize("validate_every", [None, 50])
def test_weights_that_only_later_validations_compare_are_planned_for(validate_every):
    """The first compared the weights and their moving average in 10 s; with the mean it is 15 s from now on."""
    config = TrainingConfig(minutes=10.0, validate_every=validate_every, average_last=3, ema=0.999)
    state = TrainState(step=200, seconds=110.0, validation_seconds=10.0, last_validation=10.0, last_candidates=2)
    result = budget.of_minutes(config, state)
    validations = (result.total_steps - 200) / result.validate_every
    assert 110 + 0.5 * (result.total_steps - 200) + 15 * validations == pytest.approx(600, abs=15)


@pytest.mark.parametrize("validate_every", [None, 50])
def test_minutes_are_kept_when_all_goes_on_at_the_same_rate(validate_every):
    """200 steps of half a second and validations of 10 s: the whole then takes the ten minutes, within a validation."""
    config = TrainingConfig(minutes=10.0, validate_every=validate_every)
    state = TrainState(step=200, seconds=110.0, validation_seconds=10.0, last_validation=10.0)
    result = budget.of_minutes(config, state)
    validations = (result.total_steps - 200) / result.validate_every
    assert 110 + 0.5 * (result.total_steps - 200) + 10 * validations == pytest.approx(600, abs=10)


def test_dear_validations_leave_four_fifths_of_the_time_to_updates():
    """The first validation took ten times what all updates so far took, as it does before anything is learnt."""
    state = TrainState(step=10, seconds=11.0, validation_seconds=10.0, last_validation=10.0)
    result = budget.of_minutes(TrainingConfig(minutes=1.0), state)
    assert result.total_steps - 10 == pytest.approx(0.8 * (60 - 11) / 0.1, abs=1)
    assert result.validate_every == result.total_steps - 10


def test_a_budget_already_overspent_ends_the_run_where_it_is():
    state = TrainState(step=1, seconds=50.0, validation_seconds=10.0, last_validation=10.0)
    result = budget.of_minutes(TrainingConfig(minutes=0.1), state)
    assert result.total_steps == 1 and result.validate_every >= 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"steps": 5, "minutes": 1.0},
            "only one of steps, epochs and minutes can be the budget, found steps and minutes",
        ),
        ({"steps": 0}, "steps must be at least 1 and below 100,000,000, found 0"),
        ({"minutes": 1e307}, "minutes must be above 0 and below 100,000,000"),
        ({"steps": 10**8}, "steps must be at least 1 and below 100,000,000"),
        ({"batch_tokens": 0}, "batch-tokens must be at least 1"),
        ({"label_smoothing": 1.0}, "label-smoothing must be at least 0 and below 1"),
        ({"learning_rate": -1.0}, "learning-rate must be above 0"),
        ({"validate_every": 0}, "validate-every must be at least 1"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**settings)


def test_the_budget_of_a_run_that_continues_says_how_much_is_used():
    assert budget.describe(TrainingConfig(steps=95), TrainState()) == "steps 95"
    assert budget.describe(TrainingConfig(steps=95), TrainState(step=40)) == "steps 95, 40 steps used"
    assert (
        budget.describe(TrainingConfig(minutes=7.0), TrainState(step=40, seconds=90.0))
        == "minutes 7.0, 1.5 minutes used"
    )


MINUTES = TrainingConfig(minutes=10.0, validate_every=100)


def planned(seconds: float, **changes: float) -> TrainState:
    """At step 400 of 1,000 planned ones; `seconds` each since the validation at step 300, in which 180 were spent."""
    spent = {"seconds": 190.0 + 100 * seconds, "validation_seconds": 10.0, "last_validation": 1.0}
    fields = {"step": 400, "rate_step": 300, "rate_seconds": 180.0, "total_steps": 1000, "validate_every": 100}
    return TrainState(**{**fields, **spent, **changes})


def test_the_number_of_steps_stays_where_the_end_is_near_the_budget():
    assert budget.correction(MINUTES, planned(0.55)) is None
    assert budget.correction(MINUTES, planned(0.65)) is None
    assert budget.correction(TrainingConfig(steps=1000), planned(9.0)) is None
    assert budget.correction(MINUTES, planned(9.0, step=1000)) is None
    assert budget.correction(MINUTES, planned(9.0, rate_step=391)) is None  # of so few steps nothing is certain


@pytest.mark.parametrize(("seconds", "steps"), [(1.0, 400 + 310 / 1.01), (0.3, 400 + 380 / 0.31), (5.0, 400)])
def test_another_speed_corrects_the_number_of_steps(seconds, steps):
    plan = budget.correction(MINUTES, planned(seconds))
    assert plan.total_steps == pytest.approx(steps, abs=1) and plan.validate_every == 100


def test_a_correction_leaves_as_many_validations_as_were_planned():
    plan = budget.correction(TrainingConfig(minutes=10.0), planned(1.0))
    assert (plan.total_steps - 400) / plan.validate_every == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize(("name", "total"), [("linear", 500), ("cosine", 4000), ("warmup-stable-decay", 700)])
def test_the_learning_rate_goes_on_from_where_it_is_and_ends_with_the_run(name, total):
    schedule, state = SCHEDULES[name](warmup=50), planned(1.0)
    before = schedule.at(400, 1000)
    budget.correct_plan(state, budget.Budget(total, 100))
    factors = []
    for state.step in range(400, total):
        factors.append(schedule.at(*budget.schedule_position(state)))
    pace = 600 / (total - 400)
    assert factors[0] == pytest.approx(before, abs=0.01 * (pace + 1)) and factors[-1] == pytest.approx(0.0, abs=1e-9)
    assert factors == sorted(factors, reverse=True)


def test_a_second_correction_continues_the_first():
    state = planned(1.0)
    for step, total in ((400, 700), (550, 600)):
        state.step = step
        budget.correct_plan(state, budget.Budget(total, 100))
    positions = []
    for state.step in (550, 599):
        positions.append(budget.schedule_position(state))
    assert positions == [(706, 1000), (1000, 1000)]  # half of the first correction was 700 of 1,000
    budget.set_plan(state, budget.Budget(900, 90))
    assert budget.schedule_position(state) == (600, 900)
