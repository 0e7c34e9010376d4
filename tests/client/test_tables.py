from dataclasses import replace

from chainrule.client.tables import confusion_table, job_table, jobs_table


def test_shows_one_job_by_name_and_value(pipe, job):
    pipe.print(job_table(replace(job, reason="because", weights_sha256="5" * 64)))
    rows = dict(line.split(None, 1) for line in pipe.file.getvalue().splitlines())
    assert rows["state"].strip() == "RUNNING: because"
    assert rows["validation"].strip() == "accuracy 0.9610, loss 0.5000"
    assert rows["weights"].strip() == "5" * 64
    assert "finished" not in rows


def test_shows_what_was_taken_for_what_in_the_order_of_the_classes(pipe, job):
    confusion = {"10": {"2": 1.0, "10": 7.0}, "2": {"2": 5.0, "10": 0.5}}
    pipe.print(confusion_table(replace(job, confusion=confusion)))
    assert [line.split() for line in pipe.file.getvalue().splitlines()] == [
        ["CLASS", "AS", "2", "AS", "10"],
        ["2", "5", "0.5"],
        ["10", "1", "7"],
    ]


def test_shows_jobs_a_line_each_and_cut_nothing(pipe, job):
    pipe.print(jobs_table([job, replace(job, id="b2", name="[red]" + "long " * 39, steps=0)]))
    lines = [line.rstrip() for line in pipe.file.getvalue().splitlines()]
    assert len(lines) == 3
    assert lines[1].split()[:4] == ["a1", "digits", "RUNNING", "50/100"]
    assert "[red]" + "long " * 38 in lines[2]
