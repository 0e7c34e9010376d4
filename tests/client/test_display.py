import io
from dataclasses import replace

import pytest
from rich.console import Console

from chainrule.client.display import event_line, follow, measures_text, open_console, progress_text, state_text, summary
from chainrule.wire.job import JobState
from chainrule.wire.layers import LayerFigures


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    return Console(file=io.StringIO(), force_terminal=True, width=100, markup=False, highlight=False)


class TestText:
    def test_of_progress_has_all_numbers(self, job):
        numbers = "loss 0.2500, validation accuracy 96.1%, 9,120 samples/s, 2 workers"
        assert progress_text(job) == f"step 50 of 100, epoch 10, {numbers}"

    def test_of_progress_leaves_out_what_is_not_known(self, job):
        unknown = replace(job, version=0, steps=0, epoch=0, metrics={}, samples_per_second=0.0, workers=1)
        assert progress_text(unknown) == "step 0, epoch 0, 1 worker"

    def test_of_progress_says_what_its_losses_are_means_of(self, job):
        train = {"loss": 0.2141, "epoch_loss": 0.2203, "batch_loss": 0.0001, "loss_steps": 100.0, "step": 50.0}
        text = measures_text(replace(job, metrics=job.metrics | {"train": train}))
        assert text == "loss 0.2141 (mean of 100 steps), epoch 0.2203, validation accuracy 96.1%"

    def test_of_regression_has_r2_and_the_rmse_in_the_unit_of_the_label(self, job):
        metrics = {"train": {"loss": 1.0}, "validation": {"loss": 2.0, "r2": 0.812, "rmse": 47120.3, "mae": 1.0}}
        houses = replace(job, metrics=metrics, labels=("median_house_value",))
        assert measures_text(houses) == "loss 1.0000, validation R² 0.81, RMSE 47,120 median_house_value"

    def test_of_several_labels_says_that_the_metrics_are_means(self, job):
        metrics = {"validation": {"r2": 0.5, "rmse": 0.25}}
        two = replace(job, metrics=metrics, labels=("height", "weight"))
        assert measures_text(two) == "validation R² 0.50, RMSE 0.25 (mean over height, weight)"
        assert measures_text(replace(two, labels=tuple("abcde"))).endswith("(mean over 5 labels)")

    def test_of_labels_that_are_all_the_same_has_no_r2(self, job):
        same = replace(job, metrics={"validation": {"loss": 2.0, "rmse": 3.0}}, labels=("y",))
        assert measures_text(same) == "validation RMSE 3 y"
        other = replace(job, metrics={"validation": {"loss": 2.0}})
        assert measures_text(other) == "validation loss 2.0000"

    def test_of_a_job_that_keeps_an_earlier_step_says_whose_numbers_they_are(self, job):
        metrics = {"train": {"loss": 0.5, "step": 40.0}, "validation": {"accuracy": 0.9}}
        ended = replace(job, state=JobState.SUCCEEDED, version=50, metrics=metrics)
        assert measures_text(ended) == ("loss 0.5000, validation accuracy 90.0% (of step 40, whose weights are kept)")
        assert "kept" not in measures_text(replace(ended, version=40))

    def test_of_a_state_has_its_reason_and_no_word_twice(self, job):
        reasons = {
            JobState.RUNNING: "",
            JobState.QUEUED: "waits for Ray",
            JobState.PAUSED: "paused by the user at step 9",
        }
        texts = [state_text(replace(job, state=state, reason=reason)) for state, reason in reasons.items()]
        assert texts == ["RUNNING", "QUEUED: waits for Ray", "PAUSED by the user at step 9"]

    def test_of_an_event_has_its_kind(self, remote):
        lines = [event_line(event)[9:] for event in remote.events]
        assert lines[0] == "state      QUEUED"
        assert lines[2].startswith("progress   step 50 of 100")
        assert lines[3] == "checkpoint version 50 is saved"

    def test_of_a_summary_says_how_it_ended(self, remote):
        ended = remote.events[-1].job
        assert summary(ended) == (
            "digits SUCCEEDED at step 100 of 100 after 9.0 s: loss 0.2500, validation accuracy 96.1%"
        )
        failed = replace(ended, state=JobState.FAILED, reason="digits.csv has no column 'label'")
        assert summary(failed).endswith(": digits.csv has no column 'label'")


class TestFollow:
    def test_in_a_pipe_gives_a_line_for_each_event_and_a_summary(self, remote, pipe):
        assert follow(remote.events, pipe) == remote.events[-1].job
        lines = pipe.file.getvalue().splitlines()
        assert lines[:-1] == [event_line(event) for event in remote.events]
        assert lines[-1] == summary(remote.events[-1].job)

    def test_in_a_pipe_writes_each_line_at_once(self, remote, pipe):
        lengths = []

        def events():
            for event in remote.events:
                lengths.append(len(pipe.file.getvalue().splitlines()))
                yield event

        follow(events(), pipe)
        assert lengths == [0, 1, 2, 3, 4]

    def test_in_a_terminal_draws_a_bar_with_lines_above(self, remote, terminal):
        assert follow(remote.events, terminal) == remote.events[-1].job
        text = terminal.file.getvalue()
        assert "checkpoint version 50 is saved" in text
        assert "50/100" in text
        assert "validation accuracy 96.1%" in text
        assert "progress   step" not in text

    def test_in_a_terminal_shows_why_a_job_waits(self, remote, terminal, job):
        waiting = replace(job, state=JobState.QUEUED, steps=0, reason="2 CPUs are free, it needs 4 [all]")
        follow([replace(remote.events[0], job=waiting)], terminal)
        assert "QUEUED: 2 CPUs are free, it needs 4 [all]" in terminal.file.getvalue()

    def test_in_a_terminal_shows_the_layers_with_their_words(self, remote, terminal):
        layers = LayerFigures(1, gradient_norm=1e-9, diagnosis="vanishing"), LayerFigures(2, gradient_norm=0.5)
        follow(remote.events, terminal, lambda: layers)
        text = terminal.file.getvalue()
        assert "GRADIENT" in text
        assert "vanishing" in text
        assert " ".join(text.split()).endswith("layer 1 vanishing; loss 0.2500, validation accuracy 96.1%")

    def test_in_a_pipe_tells_when_other_layers_do_not_learn(self, remote, pipe):
        sick, well = LayerFigures(1, diagnosis="dead"), LayerFigures(1)
        looks = iter([(), (sick,), (sick,), (well,), (well,)])
        follow(remote.events, pipe, lambda: next(looks))
        lines = [line[9:] for line in pipe.file.getvalue().splitlines()]
        told = {i: line for i, line in enumerate(lines) if line.startswith("layers")}
        assert told == {2: "layers     layer 1 dead", 5: "layers     all learn again"}

    def test_of_nothing_says_nothing(self, pipe):
        assert follow([], pipe) is None
        assert pipe.file.getvalue() == ""


def test_console_of_a_pipe_never_wraps(capsys):
    open_console().print("word " * 100)
    open_console(stderr=True).print("oops " * 100)
    captured = capsys.readouterr()
    assert captured.out.count("\n") == captured.err.count("\n") == 1
