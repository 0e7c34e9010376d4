import hashlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from chainrule.data.model import Model
from chainrule.nn import initialize
from chainrule.parameter_server.checkpoints import Checkpoint, arithmetic, read_checkpoint, write_checkpoint
from chainrule.parameter_server.watch import Memory
from chainrule.wire import faults
from chainrule.wire.errors import InvalidData, TrainingFailed

FILES = ["manifest.json", "model.safetensors", "optimizer.safetensors"]


@pytest.fixture
def model(data):
    job = data()
    return Model(job.spec, job.summary, initialize(job.summary.network(job.spec), 3), 12)


@pytest.fixture
def slots(model):
    return {name: np.arange(model.parameters.flat.size, dtype=np.float32) for name in ("mean", "square")}


def everything(folder):
    return sorted(path.name for path in folder.rglob("*"))


def test_a_checkpoint_comes_back_as_it_was_written(tmp_path, model, slots):
    written = write_checkpoint(tmp_path, 5, model, slots, Memory())
    known = Checkpoint(**json.loads(json.dumps(asdict(written))))
    loaded, loaded_slots, _ = read_checkpoint(known)
    assert (loaded.version, loaded.spec, loaded.summary) == (12, model.spec, model.summary)
    np.testing.assert_array_equal(loaded.parameters.flat, model.parameters.flat)
    assert sorted(loaded_slots) == sorted(slots)
    for name, slot in slots.items():
        np.testing.assert_array_equal(loaded_slots[name], slot)
        loaded_slots[name] += 1  # the optimizer writes into them


def test_a_checkpoint_is_a_folder_of_three_files_and_a_manifest_that_says_what_they_are(tmp_path, model, slots):
    written = write_checkpoint(tmp_path, 5, model, slots, Memory())
    place = Path(written.path)
    assert everything(tmp_path) == sorted([place.name, *FILES])
    manifest = json.loads((place / "manifest.json").read_text())
    assert manifest == {**asdict(written), **arithmetic()}
    assert written.weights_sha256 == hashlib.sha256(model.parameters.flat.tobytes()).hexdigest()
    assert written.model_sha256 == hashlib.sha256((place / "model.safetensors").read_bytes()).hexdigest()


def test_an_optimizer_without_slots_has_a_checkpoint_too(tmp_path, model):
    assert read_checkpoint(write_checkpoint(tmp_path, 1, model, {}, Memory()))[1] == {}


def test_generations_and_versions_do_not_overwrite_each_other(tmp_path, model, slots):
    kept = [
        write_checkpoint(tmp_path, g, replace(model, version=v), slots, Memory())
        for g, v in ((1, 12), (2, 12), (1, 13))
    ]
    assert len({checkpoint.path for checkpoint in kept}) == 3
    for checkpoint in kept:
        read_checkpoint(checkpoint)


def test_a_draft_that_was_left_behind_is_in_nobodys_way(tmp_path, model, slots):
    place = Path(write_checkpoint(tmp_path, 1, model, slots, Memory()).path)
    draft = tmp_path / f".{place.name}.draft"
    place.rename(draft)
    (draft / "model.safetensors").write_bytes(b"half")
    read_checkpoint(write_checkpoint(tmp_path, 1, model, slots, Memory()))
    assert not draft.exists()


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "a flipped bit": flip,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "filled with zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "missing": Path.unlink,
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES[1:])
def test_a_damaged_file_is_noticed(tmp_path, model, slots, name, damage):
    written = write_checkpoint(tmp_path, 1, model, slots, Memory())
    DAMAGES[damage](Path(written.path) / name)
    with pytest.raises(InvalidData, match=rf"damaged: {name}"):
        read_checkpoint(written)


WRITES = [
    ("checkpoint.before_write", 0),
    *(("checkpoint.before_fsync", passes) for passes in range(4)),
    ("checkpoint.before_rename", 0),
    ("checkpoint.after_rename", 0),
]


@pytest.mark.parametrize("action", ["EIO", "ENOSPC"])
@pytest.mark.parametrize(("point", "passes"), WRITES)
def test_whichever_write_fails_the_checkpoint_before_is_whole_and_the_next_one_succeeds(
    tmp_path, model, slots, monkeypatch, point, passes, action
):
    before = write_checkpoint(tmp_path, 1, model, slots, Memory())
    monkeypatch.setattr(faults, "_faults", faults.parse(f"{point}:{passes}={action}"))
    with pytest.raises(OSError, match=r"No space|Input/output"):
        write_checkpoint(tmp_path, 1, replace(model, version=13), slots, Memory())
    assert not [name for name in everything(tmp_path) if "draft" in name]
    read_checkpoint(before)
    read_checkpoint(write_checkpoint(tmp_path, 1, replace(model, version=13), slots, Memory()))


KILLED = """
import sys
from pathlib import Path
from chainrule.data.model import Model
from chainrule.parameter_server.watch import Memory
from chainrule.parameter_server.checkpoints import write_checkpoint

write_checkpoint(Path(sys.argv[2]), 2, Model.load(Path(sys.argv[1])), {}, Memory())
"""


@pytest.mark.parametrize(("point", "passes"), WRITES)
def test_wherever_the_writer_is_killed_the_checkpoint_before_is_whole(tmp_path, model, slots, point, passes):
    model.save(tmp_path / "model")
    folder = tmp_path / "checkpoints"
    before = write_checkpoint(folder, 1, model, slots, Memory())
    arguments = map(str, (tmp_path / "model", folder))
    environment = {**os.environ, faults.VARIABLE: f"{point}:{passes}=kill"}
    done = subprocess.run([sys.executable, "-c", KILLED, *arguments], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    read_checkpoint(before)
    read_checkpoint(write_checkpoint(folder, 2, model, slots, Memory()))
    assert not [name for name in everything(folder) if "draft" in name]


def test_a_checkpoint_by_other_libraries_is_refused_with_what_differs(tmp_path, model, slots, monkeypatch):
    written = write_checkpoint(tmp_path, 1, model, slots, Memory())
    monkeypatch.setattr(np, "__version__", "9.9.9")
    with pytest.raises(TrainingFailed, match=r"numpy \d+\.\S+ then, 9\.9\.9 now"):
        read_checkpoint(written)


# In a process of its own: the limit holds for every file that a process writes, a log of this test run too.
FULL_DISK = """
import resource, sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from chainrule.data.model import Model
from chainrule.parameter_server.watch import Memory
from chainrule.parameter_server.checkpoints import write_checkpoint

model, folder, size = Model.load(Path(sys.argv[1])), Path(sys.argv[2]), int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
try:
    write_checkpoint(folder, 1, model, {"velocity": np.zeros(100_000, np.float32)}, Memory())
except OSError:
    sys.exit(17)
"""


@pytest.mark.parametrize("size", [0, 100, 2000])
def test_a_disk_that_is_full_in_the_middle_of_a_file_is_an_os_error_that_leaves_nothing_behind(tmp_path, model, size):
    model.save(tmp_path / "model")
    (tmp_path / "checkpoints").mkdir()
    arguments = map(str, (tmp_path / "model", tmp_path / "checkpoints", size))
    assert subprocess.run([sys.executable, "-c", FULL_DISK, *arguments], check=False).returncode == 17
    assert everything(tmp_path / "checkpoints") == []


def test_a_file_where_the_folder_should_be_is_an_os_error(tmp_path, model, slots):
    (tmp_path / "file").write_text("here")
    with pytest.raises(OSError, match="file"):
        write_checkpoint(tmp_path / "file", 1, model, slots, Memory())
    assert (tmp_path / "file").read_text() == "here"


def test_the_end_of_a_version_does_not_overwrite_a_cut_of_it(tmp_path, model, slots):
    """The service removes the folder of the one that is superseded: it must not be the other's."""
    cut = write_checkpoint(tmp_path, 1, model, slots, Memory())
    end = write_checkpoint(tmp_path, 1, model, slots, Memory(ended=True))
    assert cut.path != end.path
    assert read_checkpoint(cut)[2] == Memory()
    assert read_checkpoint(end)[2] == Memory(ended=True)


def test_an_optimizers_state_of_an_older_meaning_is_refused(tmp_path, model, slots):
    written = write_checkpoint(tmp_path, 1, model, slots, Memory())
    place = Path(written.path) / "optimizer.safetensors"
    save_file(slots, place)
    older = replace(written, optimizer_sha256=hashlib.sha256(place.read_bytes()).hexdigest())
    with pytest.raises(InvalidData, match="another version of Chainrule"):
        read_checkpoint(older)
