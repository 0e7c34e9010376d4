import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.wire.errors import LaunchFailed
from chainrule.worker import ray_folder
from chainrule.worker.ray_folder import Place, claim_folder, fault_of_path, places

LONGEST_UNIX_SOCKET = 107
CLAIM = """
import os, signal, sys
from chainrule.worker.ray_folder import Place, claim_folder
folder = claim_folder([Place(sys.argv[1])])
(folder.path / "log").write_text("something")
print(folder.path, flush=True)
signal.pause()
"""


@pytest.fixture
def short():
    """A folder with a short path: that of tmp_path is too long for Ray."""
    folder = Path(tempfile.mkdtemp(prefix="c", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def claimant(short):
    """Start processes that claim a folder and keep it; return each with its folder."""
    started = []

    def claim():
        process = subprocess.Popen([sys.executable, "-c", CLAIM, str(short)], stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process, Path(process.stdout.readline().strip())

    yield claim
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ["/tmp", "/var/tmp"]),
        ({"TMPDIR": ""}, ["/tmp", "/var/tmp"]),
        ({"TMPDIR": "/a", "HOME": "/b"}, ["TMPDIR=/a", "/tmp", "/var/tmp"]),
        (
            {"XDG_RUNTIME_DIR": "/run/user/7", "TMPDIR": "/a", "RAY_TMPDIR": "/b"},
            ["RAY_TMPDIR=/b", "TMPDIR=/a", "/tmp", "/var/tmp", "XDG_RUNTIME_DIR=/run/user/7"],
        ),
    ],
)
def test_what_the_user_has_set_comes_first_and_memory_last(environment, expected):
    assert [str(place) for place in places(environment)] == expected


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("scratch", "not an absolute path"),
        ("/tmp/two words", "only ASCII"),
        ("/tmp/ümlaut", "only ASCII"),
        ("/tmp/$HOME", "only ASCII"),
        ("/tmp/line\n", "only ASCII"),
        ("/" + "x" * 60, "61 bytes"),
        ("/tmp", None),
        ("/scratch/job.123456/u-1_+3", None),
    ],
)
def test_a_path_that_ray_cannot_use_is_told(path, part):
    fault = fault_of_path(path)
    assert fault is None if part is None else part in fault


@given(st.text(st.sampled_from("abcXYZ019/_.+-"), max_size=60).map(lambda text: f"/{text}"))
def test_a_path_is_accepted_exactly_where_rays_longest_socket_fits(parent):
    socket_path = (
        f"{parent.rstrip('/')}/chainrule-0123ab/session_2026-11-29_22-52-57_123456_4194304/sockets/plasma_store"
    )
    assert (fault_of_path(parent) is None) == (len(socket_path) <= LONGEST_UNIX_SOCKET)


@given(st.text(min_size=1, max_size=20))
def test_no_accepted_path_means_anything_else_to_a_shell(text):
    if fault_of_path(f"/{text}") is None:
        assert re.fullmatch(r"[\w/.+-]+", text, re.ASCII)


def test_a_folder_is_private_and_removed_with_what_is_in_it(short):
    folder = claim_folder([Place(str(short))])
    assert (folder.path.parent, stat.S_IMODE(folder.path.stat().st_mode)) == (short, 0o700)
    assert (list(folder.path.iterdir()), folder.notes) == ([], [])
    folder.logs.mkdir(parents=True)
    for _ in range(2):
        folder.remove()
        assert list(short.iterdir()) == []


def test_the_first_place_that_can_hold_it_is_taken_and_the_others_are_told(short):
    missing, file = short / "missing", short / "file"
    file.touch()
    long = f"/{'x' * 90}/ü"
    folder = claim_folder(
        [Place(long, "RAY_TMPDIR"), Place(str(missing), "TMPDIR"), Place(str(file)), Place(str(short))]
    )
    assert folder.path.parent == short
    told = zip(folder.notes, [f"RAY_TMPDIR={long}", f"TMPDIR={missing}", str(file)], strict=True)
    for note, place in told:
        assert note.startswith(f"{place} cannot hold Ray's files: ")
        assert note.endswith(f"; {folder.path} does")
    assert "No such file or directory" in folder.notes[1]
    assert "Not a directory" in folder.notes[2]


def test_where_no_place_can_hold_it_all_are_named_with_what_to_set(short, monkeypatch):
    monkeypatch.setattr(ray_folder, "FREE_BYTES", 1 << 60)
    with pytest.raises(LaunchFailed) as caught:
        claim_folder([Place("/tmp/two words", "TMPDIR"), Place(str(short))])
    words = str(caught.value)
    assert "TMPDIR=/tmp/two words: Ray accepts only ASCII" in words
    assert re.search(rf"{short}: \d+ MiB are free, and Ray needs {1 << 40} MiB", words)
    assert "set RAY_TMPDIR to a writable folder" in words
    assert list(short.iterdir()) == []


def test_a_place_without_unix_sockets_is_passed_over(short, monkeypatch):
    class NoSockets(socket.socket):
        def bind(self, address):
            raise OSError(95, "Operation not supported")

    monkeypatch.setattr(socket, "socket", NoSockets)
    with pytest.raises(LaunchFailed, match="Operation not supported"):
        claim_folder([Place(str(short))])
    assert list(short.iterdir()) == []


def test_a_folder_whose_process_was_killed_is_removed_by_the_next_and_one_in_use_is_not(short, claimant):
    killed, abandoned = claimant()
    _, used = claimant()
    assert abandoned.exists()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    folder = claim_folder([Place(str(short))])
    assert set(short.iterdir()) == {used, folder.path}
    assert (used / "log").read_text() == "something"


def test_nothing_else_is_removed(short):
    others = [short / name for name in ("chainrule-abc", "chainrule-12345", "chainrule-1234567", "xchainrule-123456")]
    for other in others:
        other.mkdir()
    (target := short / "target").mkdir()
    (link := short / "chainrule-123456").symlink_to(target)
    (file := short / "chainrule-654321").touch()
    folder = claim_folder([Place(str(short))])
    assert set(short.iterdir()) == {*others, target, link, file, folder.path}


def test_folders_that_are_claimed_at_the_same_time_are_all_there(short):
    with ThreadPoolExecutor(8) as threads:
        folders = list(threads.map(lambda _: claim_folder([Place(str(short))]), range(80)))
    assert {folder.path for folder in folders} == set(short.iterdir())
    assert len(folders) == len({folder.path for folder in folders})
