"""Predictions of several numbers: all of them, with their names, in Python and on the command line."""

import csv
import io
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.client.predictions import Predictions
from chainrule.v1 import training_pb2 as messages

NAMES = ("height", "weight, kg", "age")


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("x\n0.75\n-2\n1e10\n")
    return path


@pytest.fixture
def remote(remote):
    """Return a service that answers with x, 2x and -x as float64."""

    class Several(type(remote)):
        def Predict(self, requests, context):  # noqa: N802
            for number, request in enumerate(requests):
                x = pa.ipc.open_stream(request.arrow_batch).read_all()["x"].to_numpy()
                values = np.column_stack([x, 2 * x, -x]).astype("<f8").tobytes()
                names = NAMES if number == 0 else ()
                yield messages.PredictResponse(names=names, outputs=3, dtype="float64", values=values[:11])
                yield messages.PredictResponse(values=values[11:])

    return Several(remote.jobs, remote.events)


EXPECTED = [{"height": x, "weight, kg": 2 * x, "age": -x} for x in (0.75, -2.0, 1e10)]


def test_labels_are_all_numbers_by_their_names(client, rows):
    predictions = client.predict("a1", rows)
    assert predictions.names == NAMES
    assert predictions.labels == EXPECTED
    assert predictions.values.shape == (3, 3)


def test_the_command_line_prints_a_header_line_and_all_numbers(run, rows):
    code, out, err = run("predict", "a1", rows)
    assert (code, err) == (0, "")
    header, *lines = csv.reader(io.StringIO(out))
    assert tuple(header) == NAMES
    assert [list(map(float, line)) for line in lines] == [list(row.values()) for row in EXPECTED]


def test_json_has_all_numbers_by_their_names(run, rows):
    code, out, _ = run("predict", "a1", rows, "--json")
    assert code == 0
    assert json.loads(out) == EXPECTED


@given(st.lists(st.lists(st.floats(-1e30, 1e30), min_size=2, max_size=2), min_size=1, max_size=5))
def test_each_row_keeps_its_numbers(values):
    labels = Predictions((), np.array(values), ("a", "b")).labels
    assert [[row["a"], row["b"]] for row in labels] == values


def test_numbers_without_names_are_counted():
    assert Predictions((), np.array([[1.0, 2.0]])).labels == [{"0": 1.0, "1": 2.0}]
