"""What the list of jobs says of them: from a real store, whoever has written it."""

import asyncio
import math

import pytest
from storing import NOW

from chainrule.server.board import Board
from chainrule.server.fleet import Fleet
from chainrule.server.history import History
from chainrule.server.jobs import Move
from chainrule.server.store import Store
from chainrule.wire.layers import LayerFigures


def spec(name="a", min_workers=1, max_workers=4):
    return {
        "name": name,
        "data": {"train": "a.csv", "label": "price"},
        "network": {"loss": "mse"},
        "cluster": {"min_workers": min_workers, "max_workers": max_workers},
    }


@pytest.fixture
def listed(path):
    """Return how the jobs of the store look to a service that has just started, with so many CPUs."""

    def look(cpus, may_grow=False):
        board, history = Board(Store(path)), History(path)
        try:
            fleet = Fleet(board, history, lambda: (0, cpus), may_grow=may_grow)
            everything = asyncio.run(fleet.everything())
        finally:
            history.close()
            board.close()
        return {job["name"]: job for job in everything["jobs"]}, everything["queue"]

    return look


def running(store, r2, losses, layers=()):
    job_id = store.create(spec(), None, NOW)[0].id
    store.move(job_id, Move.START, NOW)
    store.move(job_id, Move.RUN, NOW)
    history = {
        "steps": [(version, loss, 10, 0.01) for version, loss in enumerate(losses)],
        "evaluations": [(v * 10, 1.0, None, {"loss": 1.0, "r2": value}, {}) for v, value in enumerate(r2, 1)],
    }
    layers = [layer.document() for layer in layers]
    changes = {"version": len(losses), "epoch": len(r2), "workers": 1, "layers": layers}
    store.update(job_id, NOW, changes, history=history)
    return job_id


def test_a_regression_that_has_learned_nothing_is_not_healthy_after_a_restart(store, listed):
    """The loss falls from a first batch that was far off; the layers have not been measured since."""
    running(store, [-0.05, -0.02, -0.06, -0.05, -0.05, -0.05], [1e6 * math.exp(-i) + 1.3 - i / 200 for i in range(60)])
    jobs, _ = listed(2)
    health = jobs["a"]["health"]
    assert (health["level"], health["word"]) == ("warn", "not learning")
    assert "after 6 epochs the validation R² is -0.05" in health["sentence"]
    assert jobs["a"]["loss_unit"] == "mse of the standardized label"


def test_one_that_learns_is_healthy(store, listed):
    running(store, [0.1, 0.3, 0.5, 0.6, 0.7, 0.75], [2 * math.exp(-i / 20) for i in range(60)])
    assert listed(2)[0]["a"]["health"]["word"] == "healthy"


def test_a_job_without_any_gradient_needs_a_look(store, listed):
    layers = [LayerFigures(L, 0.0, 0.0, 1.0) for L in (1, 2, 3)]
    running(store, [], [2 - i / 100 for i in range(60)], layers)
    health = listed(2)[0]["a"]["health"]
    assert (health["level"], health["word"]) == ("bad", "not learning")


def test_a_job_that_needs_more_cpus_than_there_are_cannot_run_and_holds_nobody_up(store, listed):
    store.create(spec("large", min_workers=4), None, NOW)
    small = store.create(spec("small", min_workers=2), None, NOW)[0].id
    jobs, queue = listed(2)
    assert {name: job["health"]["word"] for name, job in jobs.items()} == {"large": "cannot run", "small": "waiting"}
    assert jobs["large"]["health"]["level"] == "bad"
    assert queue == [small]
    assert "until the cluster has 4 CPUs" in listed(2, may_grow=True)[0]["large"]["health"]["sentence"]
    for cpus in (0, 4):
        jobs, queue = listed(cpus)
        assert {job["health"]["word"] for job in jobs.values()} == {"waiting"}
        assert len(queue) == 2


def test_a_job_that_is_scaled_down_can_run(store, listed):
    job_id = store.create(spec(min_workers=4), None, NOW)[0].id
    store.scale(job_id, NOW, 2)
    assert listed(2)[0]["a"]["health"]["word"] == "waiting"
