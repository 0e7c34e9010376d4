from chainrule.wire.job import JobState


def test_a_job_has_ended_in_three_states():
    assert {state for state in JobState if state.final} == {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}
