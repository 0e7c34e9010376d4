"""The folder of an embedded Ray: private, at a short and plain path, and removed when that Ray has ended.

Ray puts its Unix sockets there, whose paths the system limits to 107 bytes, and passes the path through a shell.
"""

import fcntl
import os
import re
import secrets
import shutil
import socket
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chainrule.wire.errors import LaunchFailed

_PREFIX = "chainrule-"
_NAME = re.compile(r"chainrule-[0-9a-f]{6}")
_PLAIN = re.compile(r"/[A-Za-z0-9_.+/-]*")
_LONGEST_SOCKET = "/chainrule-123456/session_2000-01-01_00-00-00_000000_4194304/sockets/plasma_store"
PARENT_BYTES = 107 - len(_LONGEST_SOCKET)
"""The longest path that a place may have."""
FREE_BYTES = 64 << 20
"""The least room in a place: a session's logs and our code take a few MB, what the object store spills takes more."""
_VARIABLES = ("RAY_TMPDIR", "TMPDIR")


@dataclass(frozen=True)
class Place:
    """A folder that may hold Ray's, and the environment variable that names it, if one does."""

    path: str
    variable: str = ""

    def __str__(self) -> str:
        return f"{self.variable}={self.path}" if self.variable else self.path


def places(environment: Mapping[str, str]) -> list[Place]:
    """Return where Ray's folder may be, the best place first: what the user has set, then the system's folders."""
    named = [Place(environment[name], name) for name in _VARIABLES if environment.get(name)]
    runtime = environment.get("XDG_RUNTIME_DIR")  # the last one: it lies in memory as a rule
    found = [*named, Place("/tmp"), Place("/var/tmp")]  # noqa: S108 - a private folder is made in it
    return found + ([Place(runtime, "XDG_RUNTIME_DIR")] if runtime else [])


def fault_of_path(path: str) -> str | None:
    """Return what is wrong with a place's path, or None. Pure."""
    if not path.startswith("/"):
        return "it is not an absolute path"
    if not _PLAIN.fullmatch(path):
        return "Ray accepts only ASCII letters, digits and _ . + - / in it"
    if len(path.rstrip("/")) > PARENT_BYTES:
        return f"it has {len(path)} bytes, and Ray's sockets leave room for {PARENT_BYTES}"
    return None


@dataclass(frozen=True)
class RayFolder:
    """A folder that this process alone uses, readable by this user alone; `notes` say which places were passed over."""

    path: Path
    notes: Sequence[str]

    @property
    def logs(self) -> Path:
        """Ray's log files."""
        return self.path / "session_latest" / "logs"

    def remove(self) -> None:
        """Delete it, with all that Ray has left in it; may be called more than once."""
        shutil.rmtree(self.path, ignore_errors=True)


def claim_folder(among: Sequence[Place]) -> RayFolder:
    """Make a folder in the first place that can hold it, and delete those of processes that were killed.

    Raises LaunchFailed where no place can.
    """
    fit = [place for place in among if fault_of_path(place.path) is None]
    for path in dict.fromkeys(place.path for place in fit):
        _remove_abandoned(Path(path))
    passed: list[tuple[Place, str]] = []
    for place in among:
        fault = fault_of_path(place.path)
        if fault is None:
            try:
                made = _make(Path(place.path))
            except OSError as error:
                fault = error.strerror or str(error)
            else:
                return RayFolder(made, [f"{each} cannot hold Ray's files: {why}; {made} does" for each, why in passed])
        passed.append((place, fault))
    tried = "; ".join(f"{place}: {why}" for place, why in passed)
    raise LaunchFailed(
        f"no folder for Ray ({tried}); set RAY_TMPDIR to a writable folder on a local disk with "
        f"{FREE_BYTES >> 20} MiB free, whose path is plain ASCII of at most {PARENT_BYTES} bytes"
    )


def _make(parent: Path) -> Path:
    """Return a new folder, locked until this process ends, however it ends. Raises OSError."""
    free = shutil.disk_usage(parent).free
    if free < FREE_BYTES:
        raise OSError(f"{free >> 20} MiB are free, and Ray needs {FREE_BYTES >> 20} MiB")
    while True:
        path = parent / f"{_PREFIX}{secrets.token_hex(3)}"
        try:
            path.mkdir(0o700)
        except FileExistsError:
            continue
        if _locked(path) is not None and path.exists():  # another process may have taken it for an abandoned one
            _check_sockets(path)
            return path


def _check_sockets(folder: Path) -> None:
    """Delete a folder on a file system that holds no Unix sockets. Raises OSError."""
    probe = folder / "probe"
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(os.fspath(probe))
        probe.unlink()
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _locked(folder: Path) -> int | None:
    """Lock a folder and return the descriptor, or None where another process holds it or has deleted it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _remove_abandoned(parent: Path) -> None:
    """Delete this user's folders whose processes have ended without doing so."""
    try:
        mine = [entry for entry in os.scandir(parent) if _NAME.fullmatch(entry.name) and _is_mine(entry)]
    except OSError:
        return
    for entry in mine:
        lock = _locked(Path(entry.path))
        if lock is not None:
            shutil.rmtree(entry.path, ignore_errors=True)
            os.close(lock)


def _is_mine(entry: "os.DirEntry[str]") -> bool:
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:  # it was deleted since the parent was read
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
