"""Rows without a label that are left out, and rows of weight 0: whatever their inputs hold."""

import numpy as np
import pytest

from chainrule.data.dataset import load_dataset
from chainrule.wire.errors import InvalidData


@pytest.mark.parametrize("missing", ["refuse", "median"])
@pytest.mark.parametrize("label", ["cross_entropy", "mse"])
def test_inputs_of_rows_that_do_not_count_may_be_wrong(csv, job, label, missing):
    rows = [(i, i % 5, 1, i % 2) for i in range(40)]
    odd = [("x", 1, 0, 0), ("", 2, 0, 1), ("inf", 3, 1, ""), (7, "?", 1, "")]
    data = {"weight": "w", "missing_label": "drop", "missing": missing}
    whole = load_dataset(job(csv([("a", "b", "w", "y"), *rows]), label="y", loss=label, data=data))
    more = load_dataset(job(csv([("a", "b", "w", "y"), *odd, *rows], "more.csv"), label="y", loss=label, data=data))
    assert whole[0].scaling.mean[:1] != ()
    for summary, shards in (whole, more):
        assert sum(summary.rows_of_shards) + summary.validation_rows == 40
        assert all(np.isfinite(shard.X).all() for shard in shards)
    assert "2 of 44 rows have no value of the label 'y' and are left out" in more[0].warnings


def test_a_wrong_input_of_a_row_that_counts_is_told_by_its_place_in_the_file(csv, job):
    rows = [("x" if i == 30 else i, "" if i % 7 == 0 else i % 2) for i in range(60)]
    source = csv([("a", "y"), *rows])
    with pytest.raises(InvalidData, match="row 31, column 'a' is 'x', not a number"):
        load_dataset(job(source, label="y", data={"missing_label": "drop"}))
