import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest


def events_of_a_launcher(**settings):
    with subprocess.Popen(
        [sys.executable, "-m", "chainrule.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as launcher:
        launcher.stdin.write(json.dumps(settings) + "\n")
        launcher.stdin.flush()
        return [json.loads(line) for line in launcher.stdout]


def test_a_ray_that_does_not_answer_is_named_at_once():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    (event,) = events_of_a_launcher(ray_address=address, num_cpus=None)
    assert event["event"] == "failed"
    assert f"no Ray answers at {address}" in event["reason"]


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:port", "auto"])
def test_an_address_that_is_none_is_refused(address):
    (event,) = events_of_a_launcher(ray_address=address, num_cpus=None)
    assert "give the HOST:PORT of a Ray head" in event["reason"]


def test_a_launcher_that_waits_for_ray_ends_with_its_service():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        command = [sys.executable, "-m", "chainrule.worker"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as launcher:
            settings = {"ray_address": f"127.0.0.1:{silent.getsockname()[1]}", "num_cpus": None}
            launcher.stdin.write(json.dumps(settings) + "\n")
            launcher.stdin.flush()
            silent.accept()[0].close()  # the first look
            launcher.stdin.close()
            assert launcher.wait(20) == 1


def test_a_shell_that_cannot_start_workers_is_told_with_its_words(tmp_path):
    """Ray starts workers through `bash`; here that is a program that refuses."""
    shell = tmp_path / "bash"
    shell.write_text("#!/bin/sh\necho 'bash: cannot start anything' >&2\nexit 1\n")
    shell.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "chainrule.worker"]
    settings = {"ray_address": None, "num_cpus": 1, "warm_workers": 1}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as launcher:
        print(json.dumps(settings), file=launcher.stdin, flush=True)
        events = map(json.loads, launcher.stdout)
        assert [next(events)["event"] for _ in range(2)] == ["ready", "cluster"]
        reason = "tell of no error"
        while "tell of no error" in reason:  # the worker's shell has not got as far yet
            print(json.dumps({"command": "explain"}), file=launcher.stdin, flush=True)
            reason = next(event["reason"] for event in events if event["event"] == "explained")
        launcher.stdin.close()
        assert launcher.wait(30) == 0
    assert "bash: cannot start anything" in reason
    folder = Path(reason.partition("(")[2]).parents[2]
    assert folder.name.startswith("chainrule-")
    assert not folder.exists()
