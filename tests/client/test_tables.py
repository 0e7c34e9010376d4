import io
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from chainrule.client.tables import confusion_table, job_table, jobs_table
from chainrule.wire.job import Job, JobState

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_shows_one_job_by_name_and_value(pipe, job):
    pipe.print(job_table(replace(job, reason="because", weights_sha256="5" * 64)))
    rows = dict(line.split(None, 1) for line in pipe.file.getvalue().splitlines())
    assert rows["state"].strip() == "RUNNING: because"
    assert rows["validation"].strip() == "accuracy 96.1%, loss 0.5000"
    assert rows["weights"].strip() == "5" * 64
    assert "finished" not in rows


def test_shows_the_values_of_the_best_step_together_and_what_each_loss_is(pipe, job):
    metrics = {
        "train": {"loss": 0.02, "epoch_loss": 0.03, "batch_loss": 1e-4, "loss_steps": 10.0, "step": 50.0},
        "validation": {"loss": 0.3114, "r2": 0.7, "rmse": 1234.5},
        "best": {"step": 1200.0, "train_loss": 0.2203, "loss": 0.25, "r2": 0.8, "rmse": 1000.0},
    }
    told = replace(job, metrics=metrics, loss_unit="mse of the standardized label", labels=("price",))
    pipe.print(job_table(told))
    rows = {line[:12].strip(): line[12:].strip() for line in pipe.file.getvalue().splitlines()}
    assert rows["training"] == "loss 0.0200 (mean of 10 steps), epoch 0.0300, last batch 0.0001"
    assert rows["validation"] == "loss 0.3114, R² 0.70, RMSE 1,234 price"
    assert rows["best step"] == (
        "1,200: training loss 0.2203 (epoch), validation loss 0.2500, R² 0.80, RMSE 1,000 price"
    )
    assert rows["loss unit"] == "mse of the standardized label"


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


TEXTS = st.text(st.characters(exclude_categories=("C",)), max_size=300)


def fitted(jobs, width):
    console = Console(file=io.StringIO(), width=width, markup=False, emoji=False, highlight=False)
    console.print(jobs_table(jobs, fitted=True))
    return console.file.getvalue().splitlines()


@given(st.lists(st.tuples(TEXTS, TEXTS, st.integers(0, 10**9)), max_size=5), st.integers(80, 200))
def test_in_a_terminal_each_job_is_one_line_that_fits(texts, width):
    jobs = [
        Job("0123456789ab", name, JobState.SUCCEEDED, NOON, reason=reason, version=steps, steps=steps)
        for name, reason, steps in texts
    ]
    lines = fitted(jobs, width)
    assert len(lines) == 1 + len(jobs)
    assert max(map(cell_len, lines)) <= width
    assert all(line.startswith("0123456789ab ") and " SUCCEEDED " in line for line in lines[1:])


def test_in_a_terminal_the_share_of_steps_is_rounded_down(job):
    jobs = [replace(job, id=f"{done}", version=done, steps=600) for done in (0, 595, 599, 600)]
    assert [line.split()[3] for line in fitted(jobs, 80)[1:]] == ["0.0%", "99.1%", "99.8%", "100.0%"]


def test_a_job_that_cannot_run_says_so(job):
    blocked = replace(job, state=JobState.QUEUED, reason="a.csv has\nno column 'y'", blocked=True)
    assert "cannot run: a.csv has no column 'y'" in fitted([blocked], 200)[1]
