"""Checkpoints: a cut at a version, on disk whole or not at all.

A checkpoint is a folder with model.safetensors (what a user downloads), optimizer.safetensors and manifest.json. It is
written beside its place, made durable, and then renamed into it; the store's row, made last, is what makes it count.
"""

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from chainrule.data.dataset import RULES
from chainrule.data.files import sync
from chainrule.data.model import Model
from chainrule.nn import Array
from chainrule.parameter_server.watch import Memory
from chainrule.wire.errors import InvalidData, TrainingFailed
from chainrule.wire.faults import fail_at
from chainrule.wire.fingerprints import weights_sha256

METADATA = "chainrule.optimizer.v2"
MODEL, OPTIMIZER, MANIFEST = "model.safetensors", "optimizer.safetensors", "manifest.json"


@dataclass(frozen=True)
class Checkpoint:
    """Where a checkpoint is and what its contents must be."""

    path: str
    version: int
    generation: int
    weights_sha256: str
    model_sha256: str
    optimizer_sha256: str


def write_checkpoint(
    folder: Path, generation: int, model: Model, slots: dict[str, Array], memory: Memory
) -> Checkpoint:
    """Write a checkpoint into a new sub-folder of `folder`. Raises OSError, and then leaves nothing behind."""
    # The end of a version may follow a cut of it, and whoever removes the cut must not remove the end.
    place = folder / f"{model.version:012d}-{generation}{'-end' if memory.ended else ''}"
    draft = folder / f".{place.name}.draft"
    shutil.rmtree(draft, ignore_errors=True)
    try:
        fail_at("checkpoint.before_write")
        draft.mkdir(parents=True)
        checkpoint = _write_files(draft, place, generation, model, slots, memory)
        shutil.rmtree(place, ignore_errors=True)
        fail_at("checkpoint.before_rename")
        draft.rename(place)
        sync(folder)
        fail_at("checkpoint.after_rename")
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return checkpoint


def _write_files(
    draft: Path, place: Path, generation: int, model: Model, slots: dict[str, Array], memory: Memory
) -> Checkpoint:
    try:
        model.save(draft / MODEL)
        contiguous = {name: np.ascontiguousarray(slot) for name, slot in slots.items()}
        save_file(contiguous, draft / OPTIMIZER, {METADATA: json.dumps([memory.document(), arithmetic()])})
    except SafetensorError as error:  # its way to say that the disk is full
        raise OSError(str(error)) from error
    checkpoint = Checkpoint(
        str(place),
        model.version,
        generation,
        weights_sha256(model.parameters),
        _sha256(draft / MODEL),
        _sha256(draft / OPTIMIZER),
    )
    (draft / MANIFEST).write_text(json.dumps({**asdict(checkpoint), **arithmetic()}, indent=2))
    for path in (draft / MODEL, draft / OPTIMIZER, draft / MANIFEST, draft):
        fail_at("checkpoint.before_fsync")
        sync(path)
    return checkpoint


def read_checkpoint(checkpoint: Checkpoint) -> tuple[Model, dict[str, Array], Memory]:
    """Return what was written.

    Raises InvalidData where a byte differs or a file is missing, TrainingFailed where training would go on with other
    bits than before.
    """
    place = Path(checkpoint.path)
    expected = {MODEL: checkpoint.model_sha256, OPTIMIZER: checkpoint.optimizer_sha256}
    for name, sha256 in expected.items():
        if not _intact(place / name, sha256):
            raise InvalidData(f"the checkpoint {place} is damaged: {name} is not what was written")
    with safe_open(place / OPTIMIZER, "numpy") as file:
        metadata = file.metadata() or {}
    if METADATA not in metadata:  # an optimizer's state meant something else then
        raise InvalidData(f"the checkpoint {place} was written by another version of Chainrule")
    memory, theirs = json.loads(metadata[METADATA])
    if theirs != arithmetic():
        differences = ", ".join(f"{name} {theirs.get(name)} then, {ours} now" for name, ours in arithmetic().items())
        raise TrainingFailed(
            f"the checkpoint {place} was written by other libraries ({differences}): the bits would not be those of a "
            "training from the start. Install what it was, or submit the job anew"
        )
    return Model.load(place / MODEL), load_file(place / OPTIMIZER), Memory.from_document(memory)


def arithmetic() -> dict[str, str]:
    """Return the versions on which the bits of a step depend: RULES of our own mathematics, and NumPy's."""
    return {"rules": RULES, "numpy": np.__version__}


def _intact(path: Path, sha256: str) -> bool:
    try:
        return _sha256(path) == sha256
    except OSError:
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
