import json
import signal
import subprocess
import sys
from dataclasses import replace

import click
import pytest

from chainrule.client import demo
from chainrule.client.commands import group, invoke
from chainrule.client.documents import event_document, job_document
from chainrule.wire import errors
from chainrule.wire.errors import InvalidJob, Violation
from chainrule.wire.job import JobState

MAIN = "import sys; from chainrule.client.commands import *; sys.exit(invoke(group))"
RUN = [sys.executable, "-c", MAIN]
# A shell lets what it starts in the background ignore SIGINT; a command in a terminal does not.
RUN_IN_TERMINAL = [sys.executable, "-c", f"import signal; signal.signal(2, signal.default_int_handler); {MAIN}"]


@pytest.fixture
def job_toml(tmp_path):
    path = tmp_path / "job.toml"
    path.write_text('[data]\ntrain = "a.csv"\nlabel = "label"\n[network]\nlayers = [{}]\n')
    return path


class TestServer:
    @pytest.mark.parametrize("args", [("--server", "{}", "list"), ("list", "--server", "{}")])
    def test_is_named_before_or_behind_the_command(self, address, args, run, monkeypatch):
        monkeypatch.setenv("CHAINRULE_SERVER", "127.0.0.1:1")
        assert run(*(arg.format(address) for arg in args))[0] == 0

    def test_named_behind_the_command_counts_most(self, address, run):
        assert run("--server", "127.0.0.1:1", "list", "--server", address)[0] == 0

    def test_that_is_not_there_is_said_in_one_sentence(self, run):
        code, out, err = run("cancel", "a1", "--server", "127.0.0.1:1")
        assert (code, out) == (1, "")
        assert err.splitlines() == [
            "Error: no service answers at 127.0.0.1:1 (connection refused); `chainrule serve` starts one"
        ]

    def test_that_is_no_address_is_wrong_usage(self, run, monkeypatch):
        monkeypatch.setenv("CHAINRULE_SERVER", "nowhere")
        assert run("list")[0] == 2
        assert "HOST:PORT" in run("list", "--server", "http://there")[2]


class TestSubmit:
    def test_prints_the_id(self, run, remote, job_toml):
        assert run("submit", job_toml, "--request-id", "mine") == (0, "a1\n", "")
        assert remote.requests[0].request_id == "mine"
        assert json.loads(run("submit", job_toml, "--json")[1]) == {"id": "a1"}

    def test_watches_where_it_is_told_to(self, run, remote, job_toml):
        code, out, _ = run("submit", job_toml, "--watch")
        assert code == 0
        assert out.splitlines()[0] == "a1"
        assert out.splitlines()[-1].startswith("digits SUCCEEDED")
        lines = [json.loads(line) for line in run("submit", job_toml, "--watch", "--json")[1].splitlines()]
        assert lines == [{"id": "a1"}, *map(event_document, remote.events)]

    def test_warns_on_stderr_of_a_pair_that_is_hardly_meant(self, run, job_toml):
        job_toml.write_text(job_toml.read_text().replace("[{}]", '[{activation = "sigmoid"}]'))
        code, out, err = run("submit", job_toml, "--json")
        assert (code, json.loads(out)) == (0, {"id": "a1"})
        (line,) = err.splitlines()
        assert line.startswith("Warning: network.layers[0].activation is sigmoid, ")
        assert "softmax with cross_entropy" in line

    def test_prints_each_violation_on_a_line(self, run, remote, job_toml):
        remote.errors = [InvalidJob([Violation("a.b", "is missing"), Violation("c", "must be >= 1")])]
        code, out, err = run("submit", job_toml)
        assert (code, out) == (2, "")
        assert err.splitlines() == ["Error: a.b is missing", "Error: c must be >= 1"]

    def test_refuses_a_file_that_is_not_there(self, run, tmp_path):
        code, _, err = run("submit", tmp_path / "absent.toml")
        assert code == 2
        assert err.count("\n") == 1


class TestJobs:
    def test_list_is_an_array_in_json(self, run, remote):
        remote.jobs["b2"] = replace(remote.jobs["a1"], id="b2")
        code, out, _ = run("list", "--json")
        assert code == 0
        assert json.loads(out) == [job_document(job) for job in remote.jobs.values()]

    def test_list_is_a_table_in_words(self, run):
        assert [line.split()[0] for line in run("list")[1].splitlines()] == ["ID", "a1"]

    @pytest.mark.parametrize("command", ["show", "cancel"])
    def test_a_job_is_one_object_in_json(self, run, command):
        code, out, _ = run(command, "a1", "--json")
        assert code == 0
        assert out.count("\n") == 1
        assert json.loads(out)["id"] == "a1"
        assert "digits" in run(command, "a1")[1]

    @pytest.mark.parametrize(
        ("command", "words"),
        [
            (["pause", "a1"], "a1 is paused at step 1,200; `chainrule resume a1` goes on\n"),
            (["resume", "a1"], "a1 is queued at step 1,200\n"),
            (["scale", "a1", "--workers", "2"], "a1 has at most 2 workers from now on\n"),
            (["scale", "a1", "--workers", "1"], "a1 has at most 1 worker from now on\n"),
        ],
    )
    def test_pause_resume_and_scale_say_in_a_line_what_is_so_now(self, run, remote, command, words):
        remote.jobs["a1"] = replace(remote.jobs["a1"], version=1200)
        assert run(*command) == (0, words, "")
        code, out, _ = run(*command, "--json")
        assert (code, out.count("\n")) == (0, 1)
        assert set(json.loads(out)) == set(job_document(remote.jobs["a1"]))

    def test_show_says_how_many_workers_there_are_and_may_be(self, run, remote):
        remote.jobs["a1"] = replace(remote.jobs["a1"], workers=2, max_workers=4)
        assert ", 2 workers max workers 4" in " ".join(run("show", "a1")[1].split())
        assert json.loads(run("show", "a1", "--json")[1])["max_workers"] == 4

    def test_delete_says_what_is_gone(self, run):
        assert run("delete", "a1") == (0, "a1 is deleted\n", "")
        assert json.loads(run("delete", "a1", "--json")[1]) == {"id": "a1"}

    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (errors.JobNotFound("there is no job a1"), 2),
            (errors.JobNotRunning("a1 is SUCCEEDED"), 2),
            (errors.TooMuch("the network needs 9 TB"), 2),
            (errors.LaunchFailed("Ray does not start"), 1),
            (errors.DeadlineExceeded("too late"), 1),
        ],
    )
    def test_errors_have_their_exit_code_and_one_sentence(self, run, remote, error, code):
        remote.errors = [error]
        assert run("cancel", "a1")[::2] == (code, f"Error: {error}\n")


class TestWatch:
    def test_begins_with_the_present(self, run, remote):
        remote.jobs["a1"] = replace(remote.jobs["a1"], events=3)
        code, out, _ = run("watch", "a1")
        assert code == 0
        assert len(out.splitlines()) == 4
        assert out.splitlines()[0].split()[1] == "progress"

    def test_prints_one_object_a_line_in_json(self, run, remote):
        lines = run("watch", "a1", "--json")[1].splitlines()
        assert [json.loads(line) for line in lines] == [event_document(event) for event in remote.events]

    @pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
    @pytest.mark.parametrize("option", [[], ["--json"]])
    def test_of_a_job_that_does_not_succeed_fails(self, run, remote, state, option):
        ended = remote.events[-1]
        remote.events[-1] = replace(ended, job=replace(ended.job, state=state, reason="the data is gone"))
        code, out, err = run("watch", "a1", *option)
        assert (code, err) == (1, "")
        assert "the data is gone" in out

    def test_is_ended_by_ctrl_c_and_the_job_goes_on(self, address, remote):
        remote.cuts = [(2, "silence")]
        with subprocess.Popen(
            [*RUN_IN_TERMINAL, "watch", "a1", "--server", address],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            process.stdout.readline()
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert err == "a1 goes on; `chainrule watch a1` shows it again\n"

    def test_is_ended_in_silence_when_the_reader_goes(self, address, remote):
        remote.cuts = [(1, "silence")]
        command = [*RUN, "watch", "a1", "--json", "--server", address]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            process.stdout.readline()
            process.stdout.close()
            remote.changed.set()
            assert process.stderr.read() == ""
        assert process.returncode == 1


class TestDownload:
    def test_says_what_it_has_written(self, run, remote, tmp_path):
        target = tmp_path / "model.safetensors"
        code, out, _ = run("download", "a1", "-o", target, "--json")
        assert code == 0
        assert json.loads(out) == {"path": str(target), "bytes": len(remote.model)}
        assert target.read_bytes() == remote.model

    def test_that_cannot_be_written_fails(self, run, tmp_path):
        target = tmp_path / "nowhere" / "model"
        assert run("download", "a1", "-o", target)[::2] == (
            1,
            f"Error: {target.parent}: No such file or directory\n",
        )
        assert run("download", "a1", "-o", tmp_path)[0] == 2


class TestPredict:
    @pytest.fixture
    def rows(self, tmp_path):
        path = tmp_path / "rows.csv"
        path.write_text("x\n0.75\n0.1\n")
        return path

    def test_prints_classes(self, run, rows):
        assert run("predict", "a1", rows) == (0, "cat\ndog\n", "")
        assert json.loads(run("predict", "a1", rows, "--json")[1]) == ["cat", "dog"]

    def test_prints_numbers_with_the_digits_that_they_have(self, run, remote, rows):
        remote.classes = ()
        assert run("predict", "a1", rows)[1] == "0.75\n0.1\n"
        assert json.loads(run("predict", "a1", rows, "--json")[1]) == [0.75, 0.1]

    def test_refuses_rows_that_are_not_there(self, run, tmp_path):
        code, _, err = run("predict", "a1", tmp_path / "absent.csv")
        assert code == 2
        assert err.count("\n") == 1


class TestUsage:
    @pytest.mark.parametrize(
        "args",
        [
            *(["show"], ["show", "a1", "b2"], ["dance"], ["list", "--loud"], ["download", "a"], ["pause"], ["resume"]),
            *(["scale", "a1"], ["scale", "--workers", "2"], ["scale", "a1", "--workers", "0"]),
            *(["scale", "a1", "--workers", str(n)] for n in ("two", "1.5", "-1", 2**64)),
        ],
    )
    def test_that_is_wrong_is_said_in_one_line(self, run, args):
        code, out, err = run(*args)
        assert (code, out) == (2, "")
        assert err.startswith("Error: ")
        assert err.count("\n") == 1
        assert "--help'" in err

    def test_without_a_command_shows_the_help(self, run):
        code, out, err = run()
        assert (code, out) == (2, "")
        assert "Usage: chainrule" in err

    @pytest.mark.parametrize("name", sorted(group.commands))
    def test_help_has_an_example_of_each_command(self, run, name):
        code, out, err = run(name, "--help")
        assert (code, err) == (0, "")
        assert f"\n  chainrule {name}" in out

    @pytest.mark.parametrize(
        ("error", "code", "words"),
        [
            (KeyboardInterrupt(), 130, "\n"),
            (PermissionError(13, "Permission denied", "/root/x"), 1, "Error: /root/x: Permission denied\n"),
            (OSError("no space"), 1, "Error: no space\n"),
            (errors.ServiceUnavailable("two\nlines"), 1, "Error: two lines\n"),
        ],
    )
    def test_no_error_gives_a_traceback(self, capfd, error, code, words):
        @click.group()
        def broken():
            raise error

        broken.add_command(click.Command("now"))
        assert invoke(broken, ["now"]) == code
        assert capfd.readouterr().err == words


class TestDemo:
    def test_needs_scikit_learn(self, run, monkeypatch, tmp_path):
        monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
        code, _, err = run("demo", "--dir", tmp_path)
        assert (code, err) == (1, "Error: the demo needs scikit-learn: pip install 'chainrule[demo]'\n")

    @pytest.mark.parametrize(("right", "code"), [(96, 0), (95, 1)])
    def test_fails_below_its_goal(self, run, monkeypatch, tmp_path, right, code):
        result = demo.DemoResult("a1", right, 100, "model.safetensors")
        monkeypatch.setattr(demo, "run", lambda *_: result)
        returned, out, _ = run("demo", "--dir", tmp_path, "--json")
        assert returned == code
        assert json.loads(out)["accuracy"] == right / 100


class TestReceipt:
    def test_is_printed_or_written(self, run, tmp_path):
        code, out, _ = run("receipt", "a1")
        assert (code, json.loads(out)) == (0, {"result": {"steps": 100}})
        assert run("receipt", "a1", "-o", tmp_path / "r.json")[:2] == (0, f"{tmp_path / 'r.json'}: the receipt of a1\n")
        assert json.loads((tmp_path / "r.json").read_text()) == {"result": {"steps": 100}}

    def test_of_an_unknown_job_is_refused(self, run):
        assert run("receipt", "nobody")[0] == 2


class TestErrorsInJson:
    """With --json an error is one JSON object on stderr, with the same exit code."""

    def error(self, result, code):
        returned, out, err = result
        assert (returned, out, err.count("\n")) == (code, "", 1)
        return json.loads(err)["error"]

    def test_of_the_service(self, run, remote):
        remote.errors = [errors.JobNotRunning("a1 is SUCCEEDED")]
        found = self.error(run("cancel", "a1", "--json"), 2)
        assert found == {"code": "JobNotRunning", "message": "a1 is SUCCEEDED", "violations": []}

    def test_of_a_job_has_its_violations(self, run, remote, job_toml):
        remote.errors = [InvalidJob([Violation("a.b", "is missing"), Violation("", "must be a table")])]
        found = self.error(run("submit", job_toml, "--json"), 2)
        assert found["message"] == "a.b is missing; must be a table"
        assert found["violations"] == [
            {"path": "a.b", "problem": "is missing"},
            {"path": "", "problem": "must be a table"},
        ]

    def test_of_a_file_of_the_system(self, run, tmp_path):
        target = tmp_path / "nowhere" / "model"
        found = self.error(run("download", "a1", "-o", target, "--json"), 1)
        assert (found["code"], found["message"]) == ("OSError", f"{target.parent}: No such file or directory")

    @pytest.mark.parametrize("args", [["show", "--json"], ["lst", "--json"], ["list", "--json", "--loud"]])
    def test_of_usage(self, run, args):
        found = self.error(run(*args), 2)
        assert found["code"] in ("MissingParameter", "UsageError", "NoSuchOption", "NoSuchCommand")
        assert "--help'" in found["message"]

    def test_is_words_where_json_is_the_value_behind_the_end_of_options(self, run):
        assert run("show", "--", "--json")[2].startswith("Error: ")

    @pytest.mark.parametrize("name", sorted(group.commands))
    def test_every_command_has_the_option(self, name):
        assert any("--json" in parameter.opts for parameter in group.commands[name].params)


class TestNearWords:
    def test_a_wrong_command_is_told_with_the_one_that_is_near(self, run):
        assert "Did you mean 'list'?" in run("lst")[2]

    def test_a_wrong_option_is_told_with_the_one_that_is_near(self, run):
        assert "Did you mean '--json'?" in run("list", "--jsn")[2]


class TestJobNames:
    """A command says the id of the job that a prefix or name stands for: the service answers with it."""

    @pytest.fixture
    def named(self, remote):
        remote.jobs["dig"] = replace(remote.jobs["a1"], state=JobState.SUCCEEDED)

    @pytest.mark.parametrize(
        "command", [["pause", "dig"], ["resume", "dig"], ["scale", "dig", "--workers", "2"], ["delete", "dig"]]
    )
    def test_orders_tell_the_id(self, run, named, command):
        code, out, _ = run(*command)
        assert (code, out.split()[0]) == (0, "a1")

    def test_delete_deletes_by_the_id(self, run, remote, named):
        run("delete", "dig")
        assert remote.requests[-1].job_id == "a1"

    def test_watch_goes_on_with_the_id(self, run, remote, named):
        assert run("watch", "dig", "--json")[0] == 0
        assert [request.job_id for request in remote.requests] == ["dig", "a1"]
