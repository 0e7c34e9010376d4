import json
import subprocess
import sys

import pytest

CHILD = """
import os, sys, threading
from chainrule.wire.control import Control
control = Control()
print("a library talks")
os.system("echo so does a process")
control.send("started", text="Größe\\n2", number=1)
for command in control.commands():
    print("noise between")
    if command["command"] == "crowd":
        threads = [threading.Thread(target=control.send, args=("one",), kwargs={"i": i, "long": "x" * 9999})
                   for i in range(20)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
    control.send("echo", command=command)
control.send("over")
"""


@pytest.fixture
def child():
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    yield process
    process.kill()
    process.communicate()


def test_events_come_out_clean_and_what_libraries_print_goes_to_stderr(child):
    out, err = child.communicate('{"command": "hello", "text": "Größe"}\n', timeout=20)
    assert [json.loads(line) for line in out.splitlines()] == [
        {"event": "started", "text": "Größe\n2", "number": 1},
        {"event": "echo", "command": {"command": "hello", "text": "Größe"}},
        {"event": "over"},
    ]
    assert {"a library talks", "so does a process", "noise between"} <= set(err.splitlines())
    assert child.returncode == 0


def test_the_end_of_stdin_ends_the_commands(child):
    assert json.loads(child.stdout.readline())["event"] == "started"
    child.stdin.close()
    assert json.loads(child.stdout.readline()) == {"event": "over"}
    assert child.wait(20) == 0
    child.stdin = None


def test_an_answer_comes_before_the_next_command(child):
    child.stdout.readline()
    for number in range(3):
        child.stdin.write(json.dumps({"command": number}) + "\n")
        child.stdin.flush()
        assert json.loads(child.stdout.readline())["command"] == {"command": number}


def test_events_of_many_threads_do_not_mix(child):
    out, _ = child.communicate('{"command": "crowd"}\n', timeout=20)
    events = [json.loads(line) for line in out.splitlines()]
    assert sorted(event["i"] for event in events if event["event"] == "one") == list(range(20))
