from hypothesis import given
from hypothesis import strategies as st

from chainrule.server import changes
from chainrule.server.changes import Changes


@given(st.lists(st.sampled_from("abcde"), max_size=30), st.integers(0, 30))
def test_since_a_mark_each_changed_job_is_told_once(jobs, cut):
    noted = Changes()
    mark = noted.mark
    for number, job in enumerate(jobs):
        if number == cut:
            mark = noted.mark
        noted.note(job)
    since = jobs[cut:] if cut < len(jobs) else jobs
    assert sorted(noted.since(mark)) == sorted(set(since))


def test_a_mark_of_another_start_or_a_future_one_or_none_is_not_known():
    first, second = Changes(), Changes()
    second.note("a")
    start = first.mark.partition("-")[0]
    assert [first.since(mark) for mark in (second.mark, f"{start}-9", "", "nonsense", f"{start}-x")] == [None] * 5


def test_what_was_forgotten_is_not_known(monkeypatch):
    monkeypatch.setattr(changes, "REMEMBERED", 3)
    noted = Changes()
    marks = []
    for job in "abcd":
        marks.append(noted.mark)
        noted.note(job)
    assert noted.since(marks[0]) is None
    assert noted.since(marks[1]) == ["d", "c", "b"]
