"""What is predicted: classes, a number, or nothing that can be learned."""

import pyarrow as pa
import pytest
from pyarrow import parquet
from suggesting import job, text_of, with_label, write

from chainrule.wire.errors import InvalidData


class TestLabel:
    @pytest.mark.parametrize(
        ("what", "values", "classes"),
        [
            ("words", ["a", "b"] * 30, True),
            ("truth values", ["true", "false"] * 30, True),
            ("few whole numbers", [0, 1, 2, 3, 4] * 12, True),
            ("whole numbers written as fractions", ["0.0", "1.0"] * 30, True),
            ("two whole numbers, however few", [3, 9, 3, 9], True),
            ("numbers and a word among few", ["0", "1", "2", "3+"] * 15, True),
            ("26 letters by their numbers", list(range(26)) * 20, True),
            ("20 ages", [*range(30, 50)] * 10, False),
            ("50 ages", [*range(20, 70)] * 10, False),
            ("counts, large ones rare", [i for i in range(15) for _ in range(2 ** max(0, 8 - i))], False),
            ("fractions", [i / 2 for i in range(60)], False),
            ("many whole numbers", [3 * i for i in range(60)], False),
            ("four different numbers", [1, 2, 3, 4], False),
            ("prices", [f"${i}.50" for i in range(40)], False),
            ("percent", [f"{i}%" for i in range(40)], False),
            ("dates", [f"2024-01-{1 + i % 28:02}" for i in range(60)], False),
        ],
    )
    def test_is_classes_or_a_number(self, tmp_path, what, values, classes):
        spec = job(with_label(tmp_path / "a.csv", values), "y")
        assert spec.network.loss == ("cross_entropy" if classes else "mse"), what
        assert spec.data.target_scaling == (None if classes else "standardize")

    @pytest.mark.parametrize(
        ("values", "sentence"),
        [
            (["a"] * 9, "one class only"),
            ([1] * 9, "same value in every row"),
            ([""] * 9, "no value in any row"),
            ([f"n{i}" for i in range(600)], "about 600 different words in 600 rows"),
            ([*(i / 3 for i in range(50)), "oops"], "1 values are not, as 'oops'"),
            ([1.5, 2.5, "inf"], "row 3, column 'y' is inf"),
            ([1.5, 2.5, "1e39"], "row 3, column 'y' is 1e\\+39"),
        ],
    )
    def test_of_which_nothing_can_be_learned_is_refused(self, tmp_path, values, sentence):
        with pytest.raises(InvalidData, match=sentence):
            text_of(with_label(tmp_path / "a.csv", values), "y")

    def test_may_be_missing(self, tmp_path):
        path = with_label(tmp_path / "a.csv", ["a", "b", ""] * 20)
        assert job(path, "y").data.missing_label == "drop"
        assert "20 of 60 rows have no label" in text_of(path, "y")

    def test_says_how_to_switch(self, tmp_path):
        assert 'to predict a number: loss = "mse"' in text_of(with_label(tmp_path / "a.csv", [0, 1, 2] * 20), "y")
        ages = with_label(tmp_path / "a.csv", [*range(20, 70)] * 3)
        assert 'for classes: loss = "cross_entropy"' in text_of(ages, "y")

    def test_may_be_several_numbers(self, tmp_path):
        rows = [(i % 7, i / 7, "" if i == 4 else i * i) for i in range(60)]
        spec = job(write(tmp_path / "a.csv", ("x", "y", "z"), rows), "y", "z")
        assert (spec.data.labels, spec.network.loss, spec.data.missing_label) == (("y", "z"), "mse", "drop")
        words = write(tmp_path / "b.csv", ("x", "y", "z"), [(i % 7, i / 7, "ab"[i % 2]) for i in range(60)])
        with pytest.raises(InvalidData, match="each must be a number"):
            text_of(words, "y", "z")
        with pytest.raises(InvalidData, match="named as a label twice"):
            text_of(words, "y", "y")

    def test_that_is_not_there_is_refused(self, tmp_path):
        path = write(tmp_path / "a.csv", ("x", "y"), [(1, 2)])
        with pytest.raises(InvalidData, match="has no column 'z'; it has x, y"):
            text_of(path, "z")

    @pytest.mark.parametrize("kind", [pa.date32(), pa.timestamp("us"), pa.time64("us"), pa.duration("s")])
    def test_may_be_missing_in_a_whole_part_of_the_file(self, tmp_path, kind):
        labels = pa.array([None] * 20 + list(range(40)), pa.int32() if kind == pa.date32() else pa.int64())
        table = pa.table({"x": [i * i / 7 for i in range(60)], "y": labels.cast(kind)})
        parquet.write_table(table, tmp_path / "a.parquet", row_group_size=20)
        assert job(tmp_path / "a.parquet", "y").data.missing_label == "drop"

    def test_of_words_may_be_numbers_in_a_part_of_the_file(self, tmp_path):
        table = pa.table({"x": [i * i / 7 for i in range(40)], "y": ["a", "b"] * 10 + ["2.5"] * 15 + ["a"] * 5})
        parquet.write_table(table, tmp_path / "a.parquet", row_group_size=5)
        assert job(tmp_path / "a.parquet", "y").network.loss == "cross_entropy"
