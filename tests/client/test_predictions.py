"""Rows on their way to the model of a job, and its outputs on their way back."""

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, feather, parquet

from chainrule.client.predictions import MESSAGE_BYTES
from chainrule.wire import errors


def test_gives_values_and_labels(client):
    predictions = client.predict("a1", pa.table({"x": [0.75, 0.25]}))
    assert predictions.classes == ("cat", "dog")
    assert predictions.values.dtype == np.float32
    assert predictions.values.tolist() == [[0.75, 0.25], [0.25, 0.75]]
    assert predictions.labels == ["cat", "dog"]


def test_gives_numbers_for_regression(client, remote):
    remote.classes = ()
    predictions = client.predict("a1", pa.table({"x": [0.75, -2.0]}))
    assert predictions.values.shape == (2, 1)
    assert predictions.labels == [0.75, -2.0]


def test_sends_many_rows_in_messages_below_the_limit(client, remote):
    wide = pa.array([b"w" * 8000] * 1500 + [b"w" * (MESSAGE_BYTES // 2)] * 3)
    table = pa.table({"x": np.linspace(0, 1, len(wide)), "other": wide})
    predictions = client.predict("a1", table)
    np.testing.assert_array_equal(predictions.values[:, 0], table["x"].to_numpy().astype(np.float32))
    sizes = [len(request.arrow_batch) for request in remote.requests[1:]]
    assert len(sizes) > 8
    assert max(sizes) <= MESSAGE_BYTES
    assert [request.job_id for request in remote.requests[1:3]] == ["a1", ""]


@pytest.mark.parametrize("suffix", ["csv", "parquet", "arrow"])
def test_reads_files(client, tmp_path, suffix):
    path, table = tmp_path / f"rows.{suffix}", pa.table({"x": [0.75, 0.25]})
    write = {"csv": csv.write_csv, "parquet": parquet.write_table, "arrow": feather.write_feather}
    write[suffix](table, path)
    assert client.predict("a1", path).labels == ["cat", "dog"]


@pytest.mark.parametrize("name", ["absent.csv", "absent.parquet", "text.parquet", "text.arrow", "empty.csv"])
def test_refuses_what_cannot_be_read(client, tmp_path, name):
    for present in ("text.parquet", "text.arrow"):
        (tmp_path / present).write_text("no table")
    (tmp_path / "empty.csv").write_text("x\n")
    with pytest.raises(errors.InvalidData, match=name):
        client.predict("a1", tmp_path / name)


def test_refuses_a_table_without_rows(client, remote):
    with pytest.raises(errors.InvalidData, match="no rows"):
        client.predict("a1", pa.table({"x": pa.array([], pa.float64())}))
    assert remote.requests == []


def test_gives_the_services_error(client):
    with pytest.raises(errors.JobNotFound):
        client.predict("a9", pa.table({"x": [0.5]}))


def test_refuses_answers_for_other_rows(client, remote, monkeypatch):
    monkeypatch.setattr(remote, "outputs", lambda table: np.zeros((table.num_rows - 1, 2)))
    with pytest.raises(errors.ChainruleError, match="answered for 2 of 3 rows"):
        client.predict("a1", pa.table({"x": [0.1, 0.2, 0.3]}))
