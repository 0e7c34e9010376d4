from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from chainrule.wire.job import JobState, percent


def test_a_job_has_ended_in_three_states():
    assert {state for state in JobState if state.final} == {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}


def test_a_share_of_steps_is_rounded_down():
    assert [percent(done, 600) for done in (0, 1, 595, 599, 600)] == ["0.0%", "0.1%", "99.1%", "99.8%", "100.0%"]


@given(st.integers(1, 2**63), st.data())
def test_a_share_is_less_than_a_tenth_below_the_true_one_and_never_above(of, data):
    done = data.draw(st.integers(0, of))
    told = Fraction(percent(done, of).removesuffix("%"))
    assert 0 <= Fraction(100 * done, of) - told < Fraction(1, 10)
