"""Data files and the jobs for them."""

import pytest

from chainrule.data.blocks import Inline, read_source
from chainrule.data.fragments import ALL, Dialect
from chainrule.wire.validation import parse_spec


def read_strictly(source, dialect=None):
    """Read all rows of a source, and raise what a job would that has all columns as inputs: a number beyond float32."""
    found = read_source(str(source), dialect or Dialect(), ALL, Inline(), None)
    for block in found.blocks:
        for column in block.survey.columns.values():
            if column.fault is not None:
                raise column.fault.found(block.fragment.file.name, block.row_of_file + 1)
    return found


@pytest.fixture(scope="session", name="read_strictly")
def _read_strictly():
    return read_strictly


@pytest.fixture
def csv(tmp_path):
    """Write a CSV file, of text or rows, and return its name."""

    def write(content, name="rows.csv"):
        if not isinstance(content, str | bytes):
            content = "".join(",".join(map(str, row)) + "\n" for row in content)
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


@pytest.fixture(scope="session")
def job():
    """Make the job for a data file, with changes by section."""

    def make(
        train, label="label", layers=({"units": 3}, {}), loss="cross_entropy", data=None, sections=None, **training
    ):
        training = {"batch_size": 4, "shards": 2} | training
        document = {
            "data": {"train": str(train), **({"label": label} if label else {}), **(data or {})},
            "network": {"layers": list(layers), "loss": loss},
            "training": training,
            "cluster": {"max_workers": 1},
        }
        return parse_spec(document | (sections or {}))

    return make
