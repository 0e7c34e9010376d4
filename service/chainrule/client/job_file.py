"""A job file (TOML or JSON) -> a document for chainrule.wire.validation."""

import json
import tomllib
from collections.abc import Callable
from glob import iglob
from pathlib import Path
from typing import Any

from chainrule.wire.errors import InvalidJob, Violation

_PARSERS: dict[str, Callable[[str], Any]] = {".toml": tomllib.loads, ".json": json.loads}


def read_job(path: Path) -> dict[str, Any]:
    """Return the file's document. Raises InvalidJob with the file, and with line and column where it is malformed.

    A relative `data.train` or `data.validation` that lies beside the file becomes absolute; the service looks for any
    other by itself.
    """
    parse = _PARSERS.get(path.suffix.lower())
    if parse is None:
        raise _invalid(f"{path} is no job file: its name must end in .toml or .json")
    document = _parsed(path, parse, _text(path))
    if not isinstance(document, dict):
        raise _invalid(f"{path} must hold a table of fields")
    return _located(document, path.parent)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise _invalid(f"{path} is not text in UTF-8") from None
    except OSError as error:
        raise _invalid(f"cannot read {path}: {error.strerror}") from error


def _parsed(path: Path, parse: Callable[[str], Any], text: str) -> Any:
    kind = path.suffix[1:].upper()
    try:
        return parse(text)
    except json.JSONDecodeError as error:
        raise _invalid(f"{path} is not {kind}: {error.msg} (at line {error.lineno}, column {error.colno})") from None
    except tomllib.TOMLDecodeError as error:
        raise _invalid(f"{path} is not {kind}: {error}") from None
    except (ValueError, RecursionError) as error:  # a number of too many digits, brackets too deep
        raise _invalid(f"{path} is not {kind} that can be read: {error}") from None


def _located(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    data = document.get("data")
    if not isinstance(data, dict):
        return document
    named = {key: data.get(key) for key in ("train", "validation")}
    return document | {"data": data | {key: _beside(folder, name) for key, name in named.items() if name is not None}}


def _beside(folder: Path, name: Any) -> Any:
    """Return what lies in the folder as an absolute path, all else as it is."""
    if not isinstance(name, str) or not name or "://" in name:
        return name
    return str((folder / name).resolve()) if exists(name, folder) else name


def exists(name: str, folder: Path = Path()) -> bool:
    """Whether a path or pattern, relative to the folder where it is not absolute, names anything here."""
    try:
        return (folder / name).exists() or any(iglob(name, root_dir=folder, recursive=True))  # noqa: PTH207 - or absolute
    except (OSError, ValueError):  # a name that no file can have
        return False


def _invalid(problem: str) -> InvalidJob:
    return InvalidJob([Violation("", problem)])
