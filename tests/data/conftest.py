"""Data files and the jobs for them."""

import pytest

from chainrule.wire.validation import parse_spec


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
