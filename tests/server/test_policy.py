from hypothesis import given
from hypothesis import strategies as st

from chainrule.server.policy import Demand, allocate


@st.composite
def demands(draw, running: bool):
    low = draw(st.integers(1, 6))
    high = draw(st.integers(low, 8))
    return low, high, draw(st.integers(low, high)) if running else 0


def named(prefix, drawn):
    return [Demand(f"{prefix}{i}", has, low, high) for i, (low, high, has) in enumerate(drawn)]


@given(st.integers(0, 20), st.lists(demands(running=True)), st.lists(demands(running=False)))
def test_nobody_gets_more_than_there_is_or_other_than_it_can_use(cpus, running, queued):
    running, queued = named("r", running), named("q", queued)
    used = sum(demand.workers for demand in running)
    grants = allocate(cpus, running, queued)
    by_id = {demand.job_id: demand for demand in running + queued}
    for job_id, workers in grants.items():
        assert by_id[job_id].min_workers <= workers <= by_id[job_id].max_workers
        assert workers > by_id[job_id].workers
    assert sum(workers - by_id[job_id].workers for job_id, workers in grants.items()) <= max(0, cpus - used)


@given(st.integers(1, 20), st.lists(demands(running=False)))
def test_first_come_first_served(cpus, queued):
    queued = named("q", queued)
    grants = allocate(cpus, [], queued)
    possible = [demand.job_id for demand in queued if demand.min_workers <= cpus]
    assert list(grants) == possible[: len(grants)]


def test_a_job_that_does_not_fit_now_holds_up_those_behind_it():
    assert allocate(4, [Demand("r", 2, 1, 2)], [Demand("big", 0, 3, 4), Demand("small", 0, 1, 1)]) == {}


def test_a_job_larger_than_the_cluster_holds_nobody_up():
    assert allocate(4, [], [Demand("giant", 0, 5, 9), Demand("small", 0, 1, 2)]) == {"small": 2}


def test_running_jobs_grow_by_what_the_queue_leaves():
    running = [Demand("first", 1, 1, 3), Demand("second", 1, 1, 4)]
    assert allocate(8, running, [Demand("new", 0, 1, 2)]) == {"new": 2, "first": 3, "second": 3}
