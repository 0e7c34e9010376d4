"""How a job is found by what a user calls it."""

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from storing import NOW, SPEC

from chainrule.server.jobs import Move
from chainrule.server.rows import find_id
from chainrule.server.tables import jobs, metadata
from chainrule.wire.errors import JobAmbiguous, JobNotFound


def found(word, *named):
    """The id that a word stands for, among jobs of these ids and names."""
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        metadata.create_all(connection)
        plain = {"spec": SPEC, "state": "QUEUED", "max_workers": 1, "metrics": {}, "created": 0.0}
        for id, name in named:
            connection.execute(jobs.insert().values(id=id, name=name, **plain))
        try:
            return find_id(connection, word)
        finally:
            connection.rollback()
            engine.dispose()


def test_an_exact_id_wins_over_a_longer_one_and_over_a_name():
    assert found("ab12", ("ab12", "x"), ("ab1234", "y"), ("cd", "ab12")) == "ab12"


def test_a_prefix_that_one_id_has_wins_over_a_name():
    assert found("ab", ("ab1234", "x"), ("cd", "ab")) == "ab1234"


def test_a_name_that_one_job_has_is_enough():
    assert found("houses", ("ab1234", "houses"), ("cd1234", "houses 2")) == "ab1234"


def test_a_name_decides_where_several_ids_begin_so():
    assert found("ab", ("ab12", "x"), ("ab34", "y"), ("cd12", "ab")) == "cd12"


def test_one_character_is_no_prefix():
    with pytest.raises(JobNotFound, match="there is no job 'a'"):
        found("a", ("ab1234", "x"))


@pytest.mark.parametrize("word", ["a%", "__", "AB", ""])
def test_nothing_in_a_word_is_a_wildcard(word):
    with pytest.raises(JobNotFound):
        found(word, ("ab1234", "x"))


def test_several_are_listed_the_newest_first_with_name_and_state():
    with pytest.raises(JobAmbiguous) as caught:
        found("digits", *((f"{i}{i}", "digits") for i in range(7)))
    assert str(caught.value).endswith(
        "give more of its id: 66 (digits, QUEUED), 55 (digits, QUEUED), 44 (digits, QUEUED), 33 (digits, QUEUED), "
        "22 (digits, QUEUED), ..."
    )


WORDS = st.text("ab", max_size=4)


@given(
    st.lists(st.tuples(st.text("ab", min_size=1, max_size=4), WORDS), max_size=5, unique_by=lambda job: job[0]), WORDS
)
def test_whatever_the_jobs_are_the_first_rule_that_gives_one_decides(named, word):
    ids = [id for id, _ in named]
    rules = [
        [id for id in ids if id == word],
        [id for id in ids if len(word) >= 2 and id.startswith(word)],
        [id for id, name in named if name == word],
    ]
    expected = next((rule[0] for rule in rules if len(rule) == 1), None)
    if expected is not None:
        assert found(word, *named) == expected
    else:
        with pytest.raises(JobAmbiguous if any(rules) else JobNotFound):
            found(word, *named)


def test_a_job_that_is_blocked_stays_so_until_it_is_told_otherwise(store, job_id):
    store.explain(job_id, NOW, "rows.csv has no column 'y'", blocked=True)
    assert store.explain(job_id, NOW, "waits for its turn").reason == "rows.csv has no column 'y'"
    assert store.job(job_id).blocked
    assert b"cannot run: rows.csv has no column 'y'" in store.events_behind(job_id, 0, 9)[-1]
    assert not store.explain(job_id, NOW, "waits for its turn", blocked=False).blocked


def test_a_job_that_moves_is_blocked_no_longer(store, job_id):
    store.explain(job_id, NOW, "no file", blocked=True)
    assert not store.move(job_id, Move.PAUSE, NOW).blocked
    assert not store.explain(job_id, NOW, "no file", blocked=True).blocked  # it does not wait


def test_a_request_that_has_made_a_job_is_known(store):
    store.create(SPEC, "mine", NOW)
    assert (store.has_request("mine"), store.has_request("yours"), store.has_request("")) == (True, False, False)
