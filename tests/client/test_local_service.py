import signal
import subprocess
import sys

import psutil
import pytest

from chainrule.client.local_service import LocalService, local_service
from chainrule.wire.errors import LaunchFailed

READY = """
import json, os, signal, sys
{}
print(json.dumps({{"address": "127.0.0.1:7", "http": "http://127.0.0.1:8", "pid": os.getpid(), "more": 1}}), flush=True)
signal.pause()
"""
STUBBORN = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


def command(source):
    return [sys.executable, "-S", "-c", source]


def test_is_there_as_long_as_it_is_needed(tmp_path):
    with local_service(tmp_path, command(READY.format(""))) as service:
        assert service == LocalService("127.0.0.1:7", "http://127.0.0.1:8", service.pid)
        assert psutil.Process(service.pid).cmdline()[-2:] == ["--data-dir", str(tmp_path / "service")]
    assert not psutil.pid_exists(service.pid)


def test_a_second_one_goes_on_in_the_log_of_the_first(tmp_path):
    for word in ("first", "second"):
        with local_service(tmp_path, command(READY.format(f"print({word!r}, file=sys.stderr)"))):
            pass
    assert (tmp_path / "service.log").read_text() == "first\nsecond\n"


def test_ends_by_force_what_does_not_end_by_itself(tmp_path):
    with local_service(tmp_path, command(READY.format(STUBBORN)), stop=0.2) as service:
        pass
    assert not psutil.pid_exists(service.pid)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_ends_after_an_error_too(tmp_path, error):
    with pytest.raises(error), local_service(tmp_path, command(READY.format(""))) as service:
        raise error
    assert not psutil.pid_exists(service.pid)


def test_ends_when_we_are_told_to_end(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught, local_service(tmp_path, command(READY.format(""))) as service:
        signal.raise_signal(signal.SIGTERM)
    assert caught.value.code == 143
    assert not psutil.pid_exists(service.pid)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("sooner", [False, True], ids=["when we listen", "before we listen"])
def test_that_does_not_start_is_told_with_its_last_words(tmp_path, monkeypatch, sooner):
    class Ended(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            self.wait()

    if sooner:
        monkeypatch.setattr(subprocess, "Popen", Ended)
    source = "import sys; sys.exit('warming up\\nError: port 7 is taken\\n')"
    with pytest.raises(LaunchFailed, match=r"did not start: Error: port 7 is taken .*service.log"):
        local_service(tmp_path, command(source)).__enter__()


def test_that_says_nothing_is_not_waited_for_for_ever(tmp_path):
    with pytest.raises(LaunchFailed, match="it said nothing"):
        local_service(tmp_path, command("import signal; signal.pause()"), start=0.2).__enter__()


def test_the_words_of_the_one_before_are_not_its_last(tmp_path):
    (tmp_path / "service.log").write_text("Error: port 7 is taken\n")
    with pytest.raises(LaunchFailed, match="it said nothing"):
        local_service(tmp_path, command("")).__enter__()
