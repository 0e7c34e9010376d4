"""Checkpoints: a cut at a version, on disk whole or not at all.

A checkpoint is a folder with model.safetensors (what a user downloads), optimizer.safetensors and manifest.json. It is
written beside its place, made durable, and then renamed into it; the store's row, made last, is what makes it count.
"""

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from chainrule.data.files import sync
from chainrule.data.model import Model
from chainrule.nn import Array
from chainrule.parameter_server.watch import Memory
from chainrule.wire.errors import InvalidData

METADATA = "chainrule.optimizer.v1"
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
        draft.mkdir(parents=True)
        checkpoint = _write_files(draft, place, generation, model, slots, memory)
        shutil.rmtree(place, ignore_errors=True)
        draft.rename(place)
        sync(folder)
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
        save_file(contiguous, draft / OPTIMIZER, {METADATA: json.dumps(memory.document())})
    except SafetensorError as error:  # its way to say that the disk is full
        raise OSError(str(error)) from error
    checkpoint = Checkpoint(
        str(place),
        model.version,
        generation,
        hashlib.sha256(model.parameters.flat.astype("<f4", copy=False).data).hexdigest(),
        _sha256(draft / MODEL),
        _sha256(draft / OPTIMIZER),
    )
    manifest: dict[str, Any] = {**asdict(checkpoint), "numpy": np.__version__}
    (draft / MANIFEST).write_text(json.dumps(manifest, indent=2))
    for path in (draft / MODEL, draft / OPTIMIZER, draft / MANIFEST, draft):
        sync(path)
    return checkpoint


def read_checkpoint(checkpoint: Checkpoint) -> tuple[Model, dict[str, Array], Memory]:
    """Return what was written. Raises InvalidData where a byte differs or a file is missing."""
    place = Path(checkpoint.path)
    expected = {MODEL: checkpoint.model_sha256, OPTIMIZER: checkpoint.optimizer_sha256}
    for name, sha256 in expected.items():
        if not _intact(place / name, sha256):
            raise InvalidData(f"the checkpoint {place} is damaged: {name} is not what was written")
    with safe_open(place / OPTIMIZER, "numpy") as file:
        metadata = file.metadata() or {}
    if METADATA not in metadata:  # an optimizer's state meant something else then
        raise InvalidData(f"the checkpoint {place} was written by another version of Chainrule")
    memory = Memory.from_document(json.loads(metadata[METADATA]))
    return Model.load(place / MODEL), load_file(place / OPTIMIZER), memory


def _intact(path: Path, sha256: str) -> bool:
    try:
        return _sha256(path) == sha256
    except OSError:
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
