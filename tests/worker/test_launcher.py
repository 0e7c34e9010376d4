import json
import socket
import subprocess
import sys

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
