"""Files of a job that the service cannot read -> data sets that it can."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from chainrule.client.job_file import exists
from chainrule.data.files import find_files
from chainrule.data.idx_files import labels_of
from chainrule.wire.dataset import SCHEME
from chainrule.wire.errors import InvalidJob, Violation
from chainrule.wire.spec import JobSpec

FIELDS = ("data.train", "data.validation")
HASH_DIGITS, LONGEST_STEM = 12, 60
Told = Callable[[str], object]


def unreadable(error: InvalidJob, spec: JobSpec) -> dict[str, Path]:
    """Return the files by their fields that the service has refused and that are here.

    Raises the error where it is about anything else, and InvalidJob for what is here and is not one file.
    """
    refused = {violation.path for violation in error.violations}
    sources = {path: source for path, source in _sources(spec).items() if path in refused and "://" not in source}
    if not refused or refused != set(sources) or not all(map(exists, sources.values())):
        raise error
    files = {path: Path(source) for path, source in sources.items()}
    if not all(map(_is_whole, files.values())):
        raise InvalidJob([_advice(violation, files[violation.path]) for violation in error.violations])
    return files


def _is_whole(file: Path) -> bool:
    """Whether one file is all that a path names: images of the IDX format have their labels in another."""
    return file.is_file() and ("images" not in file.name or labels_of(find_files(str(file), ())[0]) is None)


def _sources(spec: JobSpec) -> dict[str, str]:
    given = zip(FIELDS, (spec.data.train, spec.data.validation), strict=True)
    return {path: source for path, source in given if source is not None}


def _advice(violation: Violation, file: Path) -> Violation:
    """Say of a folder or pattern what can be done; it is not uploaded, for a data set is one file."""
    if _is_whole(file):
        return violation
    problem = (
        f"{violation.problem}. It names several files of this machine, which are not uploaded by themselves: "
        "put them into one file, or start the service on their host with `chainrule serve --data-root FOLDER`"
    )
    return Violation(violation.path, problem)


def dataset_name(file: Path, sha256: str, taken: Mapping[str, str]) -> str:
    """Return the name of a data set for a file; `taken` has the hashes of the names that are in use.

    The same bytes under the same name have the same one; other bytes never have.
    """
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", file.name.partition(".")[0]).strip("._-")[:LONGEST_STEM]
    name = f"{stem or 'data'}-{sha256[:HASH_DIGITS]}"
    return name if taken.get(name, sha256) == sha256 else sha256


def with_datasets(spec: JobSpec, names: Mapping[str, str]) -> JobSpec:
    """Return the job with data sets in the place of files, by their fields."""
    sources = {path: f"{SCHEME}{name}" for path, name in names.items()}
    data = spec.data
    train, validation = sources.get("data.train", data.train), sources.get("data.validation", data.validation)
    return replace(spec, data=replace(data, train=train, validation=validation))


def notice(file: Path, address: str) -> str:
    """Return what is said before a file is uploaded."""
    return f"uploading {file.name}: the service at {address} cannot read it"
