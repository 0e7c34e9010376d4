import subprocess
import sys

import pytest

from chainrule.server.data_dir import claimed
from chainrule.wire.errors import LaunchFailed

HOLD = """
import pathlib, sys
from chainrule.server.data_dir import claimed
with claimed(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_belongs_to_one_process_until_it_dies(tmp_path):
    folder = tmp_path / "data"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(LaunchFailed, match=rf"in use by another service \(process {other.pid}\)"), claimed(folder):
            pass
        other.kill()
        other.wait()
        with claimed(folder) as ours:
            assert ours == folder


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(LaunchFailed, match="cannot be used: Not a directory"), claimed(tmp_path / "file" / "data"):
        pass
