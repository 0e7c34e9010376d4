"""Which columns are inputs, and which are left out."""

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet
from suggesting import job, left_out, text_of, write

from chainrule.wire.errors import InvalidData


class TestInputs:
    def test_categories_are_left_out_only_where_nearly_every_row_has_its_own(self, tmp_path):
        rows = [(f"c{i % 1200}", f"n{i}", "ab"[i % 7 % 2]) for i in range(24_000)]
        path = write(tmp_path / "a.csv", ("city", "name", "y"), rows)
        assert left_out(job(path, "y")) == ("name",)
        text = text_of(path, "y")
        assert "'city' (1,200 words)" in text
        assert "most_categories = 100" in text

    def test_what_the_data_needs_is_said_and_nothing_else(self, tmp_path):
        rows = [("" if i == 3 else i / 2, f"n{i}", "ab"[i % 2]) for i in range(60)]
        spec = job(write(tmp_path / "a.csv", ("x", "name", "y"), rows), "y")
        assert (spec.data.missing, spec.data.ignore, spec.data.header) == ("median", ("name",), True)
        spec = job(write(tmp_path / "b.csv", None, [(i / 2, "ab"[i % 2]) for i in range(60)]), "f1")
        assert (spec.data.missing, spec.data.ignore, spec.data.header) == ("refuse", None, False)

    @pytest.mark.parametrize(
        ("name", "values", "index"),
        [
            ("Id", [i * i for i in range(30)], True),
            ("", list(range(100, 130)), True),
            ("Unnamed: 0", list(range(30)), True),
            ("row_number", list(range(7, 37)), True),
            ("PassengerId", list(range(1, 31)), True),
            ("shop_id", [i * i for i in range(30)], False),
            ("width", list(range(1, 31)), True),
            ("width", list(range(5, 35)), False),
            ("id", [5, 3, *range(10, 38)], False),
            ("price", [i * i for i in range(30)], False),
        ],
    )
    def test_an_index_is_none(self, tmp_path, name, values, index):
        rows = [(value, i * 7 % 11 / 3, "ab"[i // 15]) for i, value in enumerate(values)]
        path = write(tmp_path / "a.csv", (name, "x", "y"), rows)
        assert left_out(job(path, "y")) == ((name or "Unnamed: 0",) if index else ())

    def test_the_only_input_stays(self, tmp_path):
        for values in (range(40), [f"n{i}" for i in range(40)]):
            path = write(tmp_path / "a.csv", ("id", "y"), [(value, "ab"[i % 2]) for i, value in enumerate(values)])
            assert left_out(job(path, "y")) == ()

    def test_what_cannot_be_one_is_left_out_with_the_reason(self, tmp_path):
        path = tmp_path / "a.parquet"
        columns = {
            "x": [i / 3 for i in range(9)],
            "endless": [1.0] * 8 + [float("inf")],
            "huge": [1e39] + [1.0] * 8,
            "list": [[1, 2]] * 9,
            "same": [4] * 9,
            "empty": pa.array([None] * 9, pa.float64()),
            "y": [*"abcabcabc"],
        }
        parquet.write_table(pa.table(columns), path)
        assert left_out(job(path, "y")) == ("endless", "huge", "list", "same", "empty")
        text = text_of(path, "y")
        assert "row 9, column 'endless' is inf" in text
        assert "row 1, column 'huge' is 1e+39" in text
        assert "values of type list<" in text

    def test_nothing_but_such_columns_is_refused(self, tmp_path):
        path = write(tmp_path / "a.csv", ("x", "y"), [(4, "ab"[i % 2]) for i in range(9)])
        with pytest.raises(InvalidData, match="no column that can be an input: 'x' has the same value"):
            text_of(path, "y")

    def test_numbers_gone_wrong_are_categories_if_few_else_left_out(self, tmp_path):
        rows = [(["0", "1", "2", "3+"][i % 4], "oops" if i == 5 else i / 7, i % 9 / 2, "ab"[i % 2]) for i in range(60)]
        path = write(tmp_path / "a.csv", ("rooms", "x", "z", "y"), rows)
        spec = job(path, "y")
        assert (spec.data.kinds, left_out(spec)) == ({"rooms": "category"}, ("x",))
        assert "1 of 60 values are not, as 'oops'" in text_of(path, "y")

    def test_two_columns_of_one_name_are_left_out(self, tmp_path):
        rows = [(i / 7, i % 5, i % 3, "ab"[i % 2]) for i in range(60)]
        path = write(tmp_path / "a.csv", ("x", "twice", "twice", "y"), rows)
        assert left_out(job(path, "y", header=True)) == ("twice",)

    def test_a_column_without_a_name_is_left_out(self, tmp_path):
        parquet.write_table(pa.table({"": range(30), "x": [0.5, 1.5] * 15, "y": [*"ab"] * 15}), tmp_path / "a.parquet")
        assert job(tmp_path / "a.parquet", "y").data.columns == ("x",)


class TestPixels:
    def table(self, tmp_path, names, high, label=True):
        values = np.random.default_rng(0).integers(0, high, (50, len(names)), endpoint=True)
        values[0] = high
        columns = dict(zip(names, values.T, strict=True))
        csv.write_csv(pa.table({**columns, "y": np.arange(50) % 3}), tmp_path / "a.csv")
        return job(tmp_path / "a.csv", "y")

    def test_are_scaled_to_0_and_1(self, tmp_path):
        pixels = np.random.default_rng(0).integers(0, 256, (50, 65), np.uint8)
        pixels[:, 64] %= 3
        np.save(tmp_path / "m.npy", pixels)
        spec = job(tmp_path / "m.npy", "x64")
        assert (spec.data.scaling, spec.network.loss) == ("min_max", "cross_entropy")

    @pytest.mark.parametrize(
        ("names", "high", "image"),
        [
            ([f"pixel{i}" for i in range(64)], 16, True),
            ([f"{i}x{j}" for i in range(1, 9) for j in range(1, 9)], 255, True),
            ([f"p{i}" for i in range(192)], 255, True),
            ([f"q{i}" for i in range(70)], 20, False),
            ([f"q{i}" for i in range(64)], 5, False),
            ([f"p{i}" for i in range(64)], 256, False),
            ([f"p{i}" for i in range(63)] + ["age"], 255, False),
        ],
    )
    def test_are_told_from_other_whole_numbers(self, tmp_path, names, high, image):
        assert (self.table(tmp_path, names, high).data.scaling == "min_max") == image

    def test_that_never_change_stay(self, tmp_path):
        values = np.zeros((50, 64), np.int64)
        values[:, 9] = np.arange(50)[::-1]
        csv.write_csv(
            pa.table({**{f"p{i}": values[:, i] for i in range(64)}, "y": np.arange(50) % 3}), tmp_path / "a.csv"
        )
        assert left_out(job(tmp_path / "a.csv", "y")) == ()
