import sqlite3

import pytest
from storing import NOW, SPEC

from chainrule.server.jobs import Move
from chainrule.server.store import Store
from chainrule.server.tables import UPGRADES
from chainrule.v1 import training_pb2
from chainrule.wire.errors import InvalidJob, JobNotFinished, JobNotFound, JobNotRunning, LaunchFailed, TooMuch
from chainrule.wire.job import JobState


def numbers(store, job_id, behind=0):
    return [training_pb2.JobEvent.FromString(event).number for event in store.events_behind(job_id, behind, 100)]


def messages(store, job_id):
    return [training_pb2.JobEvent.FromString(event).message for event in store.events_behind(job_id, 0, 100)]


def test_an_accepted_job_is_there_when_the_file_is_opened_again(path):
    store = Store(path)
    job, new = store.create(SPEC, "r", NOW)
    store.close()
    again = Store(path)
    assert new
    assert again.job(job.id) == job
    assert (job.state, job.created, job.events) == (JobState.QUEUED, NOW, 1)
    again.close()


def test_a_commit_has_reached_the_disk_when_it_returns(store):
    assert store._connection.exec_driver_sql("pragma synchronous").scalar_one() == 2  # FULL: the log is fsynced
    assert store._connection.exec_driver_sql("pragma journal_mode").scalar_one() == "wal"


def test_a_request_id_makes_one_job(store):
    first, new = store.create(SPEC, "r", NOW)
    second, new_again = store.create(SPEC, "r", NOW)
    assert (first.id, new, new_again) == (second.id, True, False)
    with pytest.raises(InvalidJob, match="has been used for another job"):
        store.create({**SPEC, "name": "other"}, "r", NOW)


def test_a_move_changes_the_state_and_tells_it(store, job_id):
    job = store.move(job_id, Move.START, NOW)
    assert (job.state, job.started) == (JobState.STARTING, NOW)
    assert store.row(job_id)["generation"] == 1
    failed = store.move(job_id, Move.FAIL, NOW, "no such file")
    assert (failed.state, failed.reason, failed.finished) == (JobState.FAILED, "no such file", NOW)
    last = training_pb2.JobEvent.FromString(store.events_behind(job_id, 2, 1)[0])
    assert (last.number, last.kind, last.message) == (3, "state", "failed: no such file")
    assert last.job.state == training_pb2.JOB_STATE_FAILED


def test_a_move_to_where_the_job_is_changes_nothing_and_is_no_event(store, job_id):
    paused = store.move(job_id, Move.PAUSE, NOW, "paused by the user at step 0")
    assert store.move(job_id, Move.PAUSE, NOW, "once more") == paused == store.job(job_id)
    assert numbers(store, job_id) == [1, 2]


def test_a_reason_that_begins_with_the_state_is_told_as_it_is(store, job_id):
    store.move(job_id, Move.PAUSE, NOW, "paused by the user at step 0")
    store.move(job_id, Move.RESUME, NOW, "resumed by the user")
    store.move(job_id, Move.CANCEL, NOW, "cancelled by the user")
    assert messages(store, job_id) == [
        "queued",
        "paused by the user at step 0",
        "queued: resumed by the user",
        "cancelled by the user",
    ]


def test_an_illegal_move_changes_nothing(store, job_id):
    before = store.job(job_id)
    with pytest.raises(JobNotRunning):
        store.move(job_id, Move.SUCCEED, NOW)
    assert store.job(job_id) == before


def test_only_a_job_that_waits_says_for_what(store, job_id):
    assert store.explain(job_id, NOW, "waits for Ray").reason == "waits for Ray"
    assert messages(store, job_id) == ["queued", "waits for Ray"]
    paused = store.move(job_id, Move.PAUSE, NOW, "paused by the user at step 0")
    assert store.explain(job_id, NOW, "waits for its turn") == paused == store.job(job_id)


def test_a_job_is_scaled_for_good_and_its_specification_stays(store, path, job_id):
    assert store.job(job_id).max_workers == 4
    assert store.scale(job_id, NOW, 2).max_workers == 2
    assert store.scale(job_id, NOW, 2) == store.job(job_id)
    store.scale(job_id, NOW, 1)
    assert messages(store, job_id) == ["queued", "scaled to 2 workers by the user", "scaled to 1 worker by the user"]
    again = Store(path)
    assert again.job(job_id).max_workers == 1
    assert again.row(job_id)["spec"] == SPEC
    again.close()
    ended = store.move(job_id, Move.CANCEL, NOW)
    with pytest.raises(JobNotRunning, match="the job is CANCELLED: it is too late to scale it"):
        store.scale(job_id, NOW, 3)
    assert store.job(job_id) == ended


def test_history_keeps_the_first_row_of_a_version(store, job_id):
    store.update(job_id, NOW, {"version": 2}, history={"steps": [(0, 1.5, 8, 0.1), (1, 1.25, 8, 0.1)]})
    store.update(job_id, NOW, {"version": 3}, history={"steps": [(1, 9.0, 8, 0.1), (2, 1.0, 8, 0.1)]})
    assert store.losses(job_id) == [(0, 1.5), (1, 1.25), (2, 1.0)]


def test_events_have_no_gap_and_can_be_read_from_any_number(store, job_id):
    for i in range(5):
        store.update(job_id, NOW, {}, event=("progress", f"step {i}"))
    assert numbers(store, job_id) == [1, 2, 3, 4, 5, 6]
    assert numbers(store, job_id, behind=4) == [5, 6]
    assert store.job(job_id).events == 6


def test_the_last_checkpoints_are_kept_and_the_others_named(store, job_id):
    def add(version):
        names = ("weights_sha256", "model_sha256", "optimizer_sha256")
        checkpoint = {
            "version": version,
            "generation": 1,
            "path": f"/c/{version}",
            **dict.fromkeys(names, f"h{version}"),
        }
        return store.add_checkpoint(job_id, NOW, checkpoint, keep=2)

    assert [add(10), add(20), add(30)] == [[], [], ["/c/10"]]
    assert [checkpoint["version"] for checkpoint in store.checkpoints(job_id)] == [30, 20]
    assert store.job(job_id).weights_sha256 == "h30"


def test_a_checkpoint_takes_the_place_of_those_that_could_not_be_read(store, job_id):
    def add(version, path):
        names = ("weights_sha256", "model_sha256", "optimizer_sha256")
        checkpoint = {"version": version, "generation": 1, "path": path, **dict.fromkeys(names, path)}
        return store.add_checkpoint(job_id, NOW, checkpoint, keep=2)

    add(10, "/c/10"), add(20, "/c/20")
    assert add(15, "/d/15") == ["/c/20"]
    assert add(15, "/e/15") == ["/d/15"]
    assert [checkpoint["path"] for checkpoint in store.checkpoints(job_id)] == ["/e/15", "/c/10"]


def test_jobs_come_in_pages_in_order_of_arrival(store):
    ids = [store.create(SPEC, None, NOW)[0].id for _ in range(5)]
    first = store.jobs_behind(0, 3)
    rest = store.jobs_behind(first[-1][0], 3)
    assert [job.id for _, job in first + rest] == ids


def test_only_a_job_that_has_ended_can_be_deleted_and_its_history_goes_along(store, path, job_id):
    with pytest.raises(JobNotFinished, match="cancel it"):
        store.delete(job_id)
    store.update(job_id, NOW, {}, history={"steps": [(0, 1.0, 8, 0.1)]})
    store.move(job_id, Move.CANCEL, NOW)
    store.delete(job_id)
    with pytest.raises(JobNotFound):
        store.job(job_id)
    with sqlite3.connect(path) as other:
        assert other.execute("select (select count(*) from steps) + (select count(*) from events)").fetchone() == (0,)
    other.close()


@pytest.mark.parametrize("query", ["job", "row", "checkpoints", "delete"])
def test_an_unknown_job_is_not_found(store, query):
    with pytest.raises(JobNotFound, match="no job 'nobody'"):
        getattr(store, query)("nobody")


def test_a_store_of_a_newer_version_is_refused_untouched(path):
    with sqlite3.connect(path) as newer:
        newer.execute("pragma user_version = 99")
    newer.close()
    with pytest.raises(LaunchFailed, match="newer Chainrule"):
        Store(path)
    with sqlite3.connect(path) as newer:
        assert newer.execute("pragma user_version").fetchone() == (99,)
        assert newer.execute("select count(*) from sqlite_master").fetchone() == (0,)
    newer.close()


@pytest.fixture
def first_version(path):
    """A store as the first version of the tables has left it, with one job."""
    store = Store(path)
    job, _ = store.create(SPEC, None, NOW)
    store.close()
    with sqlite3.connect(path) as old:
        for column in ("max_workers", "machines", "faults", "confusion", "layers", "figures", "blocked"):
            old.execute(f"alter table jobs drop column {column}")
        for column in ("metrics", "confusion"):
            old.execute(f"alter table evaluations drop column {column}")
        old.execute("drop table fingerprints")
        old.execute("pragma user_version = 1")
    old.close()
    return job


def test_a_store_of_an_older_version_is_upgraded(path, first_version):
    for _ in range(2):
        store = Store(path)
        assert store.job(first_version.id) == first_version
        assert store.record(first_version.id, 0, 9, 9) == []
        assert store.create(SPEC, None, NOW)[0].max_workers == 4
        store.close()


def test_an_upgrade_is_done_whole_or_not_at_all(path, first_version, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setitem(UPGRADES, 1, (*UPGRADES[1], "the service dies here"))
        with pytest.raises(TooMuch, match="syntax error"):
            Store(path)
    store = Store(path)
    assert store.job(first_version.id) == first_version
    store.close()


def test_a_file_that_is_no_store_is_refused(path):
    path.write_bytes(b"these are not the bytes of a database" * 100)
    with pytest.raises(LaunchFailed, match="cannot be used"):
        Store(path)


def test_a_full_disk_is_an_error_and_nothing_half_is_kept(store, job_id):
    store._connection.exec_driver_sql("pragma max_page_count = 1")
    store._connection.commit()
    before = store.job(job_id)
    with pytest.raises(TooMuch, match="full"):
        store.update(job_id, NOW, {"version": 7}, event=("warning", "x" * 100_000))
    assert store.job(job_id) == before


def test_the_evaluation_of_a_version_and_the_last_one_are_there(store, job_id):
    assert store.evaluation(job_id, None) is None
    rows = [(v, 0.1 * v, None, {"r2": 0.5 * v}, {}) for v in (4, 8)]
    store.update(job_id, NOW, {}, history={"evaluations": rows})
    assert [store.evaluation(job_id, v)["metrics"] for v in (4, 8, None)] == [{"r2": 2.0}, {"r2": 4.0}, {"r2": 4.0}]


def test_hashes_are_on_record_beside_the_losses(store, job_id):
    history = {"steps": [(v, 1.5 - v, 8, 0.1) for v in range(3)], "fingerprints": [(1, "ab", [[0, 2, "cd"]])]}
    store.update(job_id, NOW, {}, history=history)
    rows = [dict(row) for row in store.record(job_id, 1, 2, 10)]
    assert rows == [
        {"version": 1, "loss": 0.5, "layers": "ab", "partials": [[0, 2, "cd"]]},
        {"version": 2, "loss": -0.5, "layers": None, "partials": None},
    ]
    assert [row["version"] for row in store.record(job_id, 0, 2, 2)] == [0, 1]
