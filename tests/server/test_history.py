import asyncio
import math
import sqlite3
import time

import numpy as np
import pytest
from storing import NOW

from chainrule.server.history import SKETCH_POINTS, History, Recent

MILLION = 1_000_000


@pytest.fixture
def history(path, store):
    history = History(path)
    yield history
    history.close()


def write(store, job_id, first, last, seconds=0.5):
    steps = [(version, math.exp(-version), 10, seconds) for version in range(first, last)]
    store.update(job_id, NOW, {"version": last}, history={"steps": steps})


def test_what_is_new_is_read_and_nothing_is_read_twice(store, history, job_id):
    write(store, job_id, 0, 3)
    first = history.steps(job_id)
    write(store, job_id, 2, 5)
    assert history.steps(job_id)["version"].tolist() == [0, 1, 2, 3, 4]
    assert first["version"].tolist() == [0, 1, 2]
    assert history.training(job_id)["samples_per_second"].values.tolist() == [20.0] * 5
    assert history.training(job_id)["loss"].seconds.tolist() == [0.5, 1.0, 1.5, 2.0, 2.5]


def test_evaluations_stand_where_training_was(store, history, job_id):
    write(store, job_id, 0, 4)
    pairs = {"no": {"no": 3.0, "yes": 1.0}, "yes": {"no": 0.5, "yes": 2.0}}
    evaluations = [(2, 0.5, 0.9, {"loss": 0.5, "accuracy": 0.9}, {}), (4, 0.4, None, {"loss": 0.4, "auc": 0.8}, pairs)]
    store.update(job_id, NOW, {}, history={"evaluations": evaluations})
    found = history.validation(job_id)
    assert (found["loss"].version.tolist(), found["loss"].seconds.tolist()) == ([2, 4], [1.0, 2.0])
    np.testing.assert_array_equal(found["auc"].values, [np.nan, 0.8])
    np.testing.assert_array_equal(found["accuracy"].values, [0.9, np.nan])
    latest = [{"loss": 0.5, "accuracy": 0.9}, {"loss": 0.4, "auc": 0.8}]
    assert history.recent(job_id) == Recent(latest, class_weights=[4.0, 2.5], step_seconds=0.5)


def test_a_job_without_steps_has_no_curves(history, job_id):
    assert history.training(job_id)["loss"].values.tolist() == []
    assert history.validation(job_id) == {}
    assert (history.sketch(job_id, 0), history.recent(job_id)) == ([], Recent([], [], None))


def test_a_sketch_has_few_points_and_the_same_whether_all_is_known_or_not(store, history, job_id):
    write(store, job_id, 0, 40 * SKETCH_POINTS // 2)
    cold = history.sketch(job_id, 40 * SKETCH_POINTS // 2)
    history.steps(job_id)
    assert len(cold) == SKETCH_POINTS
    np.testing.assert_allclose(cold, history.sketch(job_id, 40 * SKETCH_POINTS // 2))


def test_the_queue_is_in_order_of_arrival(store, history, job_id):
    second = store.create({"name": "b", "cluster": {"max_workers": 1}}, None, NOW)[0].id
    assert history.queue(4) == [job_id, second]


def test_a_job_that_needs_more_than_all_cpus_has_no_place_in_the_queue(store, history):
    def waiting(min_workers, max_workers=4):
        cluster = {"min_workers": min_workers, "max_workers": max_workers}
        return store.create({"name": "a", "cluster": cluster}, None, NOW)[0].id

    small, large, scaled = waiting(2), waiting(4), waiting(4)
    store.scale(scaled, NOW, 2)
    assert history.queue(2) == [small, scaled]
    assert history.queue(0) == history.queue(4) == [small, large, scaled]


def test_a_connection_that_reads_cannot_write(history):
    with pytest.raises(Exception, match="readonly"):
        history._connection.execute("DELETE FROM steps")


@pytest.fixture
def million(path, job_id):
    """A job of a million steps, of which SQLite has thought by itself."""
    with sqlite3.connect(path) as connection:
        numbers = f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n LIMIT {MILLION})"
        connection.execute(f"INSERT INTO steps {numbers} SELECT ?, i, 1.0, 10, 0.01 FROM n", (job_id,))
    connection.close()
    return job_id


def test_a_million_steps_are_read_beside_a_loop_that_goes_on(history, million):

    async def scenario():
        reading = asyncio.create_task(history.read(history.steps, million))
        slowest = 0.0
        while not reading.done():
            began = time.perf_counter()
            await asyncio.sleep(0)
            slowest = max(slowest, time.perf_counter() - began)
        return len(await reading), slowest

    length, slowest = asyncio.run(scenario())
    assert length == MILLION
    assert slowest < 0.5
