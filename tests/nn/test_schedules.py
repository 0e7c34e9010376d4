import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.nn.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    Exponential,
    InverseSquareRoot,
    OneCycle,
    Step,
    WarmUp,
)

steps = st.integers(1, 1000)
fractions = st.floats(0, 1)
plain = st.one_of(
    st.builds(Constant),
    st.builds(Step, steps, fractions),
    st.builds(Exponential, steps, fractions),
    st.builds(Cosine, steps, fractions),
    st.builds(InverseSquareRoot, steps),
    st.builds(OneCycle, steps, fractions, fractions, fractions),
)
schedules = plain | st.builds(WarmUp, st.integers(0, 1000), plain, fractions)
versions = st.integers(0, 5000)


@given(schedules, versions)
def test_a_factor_is_a_fraction_and_depends_on_the_version_alone(schedule, t):
    first = schedule.factor(t)
    schedule.factor(t + 1)
    assert 0 <= first <= 1 + 1e-12
    assert schedule.factor(t) == first


def factors(schedule, *versions):
    return [schedule.factor(t) for t in versions]


def test_every_name_stands_for_a_schedule():
    drawn = {Constant, Step, Exponential, Cosine, InverseSquareRoot, OneCycle}
    assert set(SCHEDULES.values()) == drawn


def test_constant():
    assert factors(Constant(), 0, 1, 10**6) == [1, 1, 1]


def test_step_falls_at_every_multiple():
    assert factors(Step(10, 0.5), 0, 9, 10, 19, 20, 35) == [1, 1, 0.5, 0.5, 0.25, 0.125]


def test_exponential_falls_by_gamma_in_its_steps():
    assert factors(Exponential(10, 0.25), 0, 5, 10, 20) == pytest.approx([1, 0.5, 0.25, 0.0625])


def test_cosine_falls_from_one_to_low_and_stays_there():
    assert factors(Cosine(100, 0.2), 0, 50, 100, 1000) == pytest.approx([1, 0.6, 0.2, 0.2])
    assert Cosine(100).factor(25) == pytest.approx((1 + math.cos(math.pi / 4)) / 2)


def test_inverse_square_root_is_one_at_first():
    assert factors(InverseSquareRoot(100), 0, 100, 400, 10_000) == pytest.approx([1, 1, 0.5, 0.1])


def test_one_cycle_rises_to_one_and_its_last_step_is_its_end():
    schedule = OneCycle(101, peak=41 / 101, start=0.1, end=0.01)
    assert factors(schedule, 0, 20, 40, 70, 100, 500) == pytest.approx([0.1, 0.55, 1, 0.505, 0.01, 0.01])


@given(steps, fractions, fractions, fractions)
def test_the_last_step_of_one_cycle_has_the_factor_of_its_end(steps, peak, start, end):
    assert OneCycle(steps, peak, start, end).factor(steps - 1) == end


def test_one_cycle_may_rise_to_its_last_step_or_fall_from_its_first():
    assert factors(OneCycle(11, 1.0, 0.5, 0.25), 0, 5, 10) == pytest.approx([0.5, 0.75, 0.25])
    assert factors(OneCycle(11, 0.0, 0.5, 0.25), 0, 5, 10) == pytest.approx([1, 0.625, 0.25])
    assert factors(OneCycle(1), 0, 1) == [4e-6, 4e-6]


def test_the_last_step_of_cosine_is_above_its_low():
    assert Cosine(100).factor(99) == pytest.approx(math.sin(math.pi / 200) ** 2)


@given(st.integers(1, 1000), plain, fractions)
def test_a_warm_up_is_a_line_to_the_first_factor_of_the_schedule_behind_it(length, then, start):
    schedule = WarmUp(length, then, start)
    assert schedule.factor(0) == pytest.approx(start * then.factor(0))
    assert schedule.factor(length) == then.factor(0)
    assert schedule.factor(length + 7) == then.factor(7)
    middle = (schedule.factor(length - 1) - schedule.factor(0)) * length
    assert middle == pytest.approx((then.factor(0) - schedule.factor(0)) * (length - 1), abs=1e-9)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Step(0), "every"),
        (lambda: Step(1, -0.1), "gamma"),
        (lambda: Exponential(1, 1.5), "gamma"),
        (lambda: Cosine(0), "steps"),
        (lambda: Cosine(1, math.nan), "low"),
        (lambda: InverseSquareRoot(0), "steps"),
        (lambda: OneCycle(1, peak=1.1), "peak"),
        (lambda: WarmUp(-1), "steps"),
    ],
)
def test_what_is_out_of_range_is_refused_with_its_name(make, name):
    with pytest.raises(ValueError, match=f"^{name} is "):
        make()
