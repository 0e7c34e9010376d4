"""Folders of a Hive-partitioned data set say what pyarrow.dataset reads in them."""

from urllib.parse import quote

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import dataset

from chainrule.data.faults import Faulty
from chainrule.data.partitions import partition_of


@pytest.mark.parametrize(
    ("base", "path", "values"),
    [
        ("/data", "/data/part.csv", {}),
        ("/data", "/data/year=2024/month=5/part.csv", {"year": "2024", "month": "5"}),
        ("/data/", "/data/year=2024/part.csv", {"year": "2024"}),
        ("/data/year=2024", "/data/year=2024/month=5/part.csv", {"month": "5"}),
        ("/data", "/data/raw/year=2024/old/part=1.csv", {"year": "2024"}),
        ("/data", "/data/city=New%20York%2FNY/a=b=c/part.csv", {"city": "New York/NY", "a": "b=c"}),
        ("/data", "/data/city=__HIVE_DEFAULT_PARTITION__/part.csv", {"city": None}),
        ("/data", "/data/city=/part.csv", {"city": ""}),
        ("/data", "/data/st%C3%A4dte=M%C3%BCnchen/part.csv", {"städte": "München"}),
        ("bucket/data", "bucket/data/k=1/part.csv", {"k": "1"}),
        ("", "k=1/part.csv", {"k": "1"}),
        ("/data", "/database/k=1/part.csv", {}),
        ("/data/k=1/part.csv", "/data/k=1/part.csv", {}),
    ],
)
def test_folders_tell_names_and_values(base, path, values):
    assert partition_of(base, path) == values


def test_a_folder_whose_name_is_not_text_is_refused():
    with pytest.raises(Faulty, match="lies in the folder 'k=%FF', whose name is not UTF-8"):
        partition_of("/data", "/data/k=%FF/part.csv")


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=5)
values = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)


@given(st.dictionaries(names, values, max_size=4))
def test_folders_are_read_as_pyarrow_reads_them(told):
    segments = [
        f"{quote(name, safe='')}={'__HIVE_DEFAULT_PARTITION__' if value is None else quote(value, safe='')}"
        for name, value in told.items()
    ]
    path = "/".join(["", *segments, "part.parquet"])
    schema = pa.schema([(name, pa.string()) for name in told])
    theirs = dataset.get_partition_keys(dataset.partitioning(schema, flavor="hive").parse(path))
    assert partition_of("", path.removeprefix("/")) == partition_of("/data", f"/data{path}") == theirs == told


def test_of_two_folders_with_one_name_the_outer_one_holds():
    scheme = dataset.partitioning(pa.schema([("k", pa.string())]), flavor="hive")
    path = "/k=1/k=2/part.csv"
    assert partition_of("/data", f"/data{path}") == dataset.get_partition_keys(scheme.parse(path)) == {"k": "1"}


def test_a_data_set_that_pyarrow_writes_is_read(tmp_path):
    table = pa.table({"x": [1, 2, 3], "city": ["New York", None, "a/b=c%"], "year": [2023, 2024, None]})
    scheme = dataset.partitioning(pa.schema([("city", pa.string()), ("year", pa.int64())]), flavor="hive")
    dataset.write_dataset(table, tmp_path, format="parquet", partitioning=scheme)
    found = [partition_of(str(tmp_path), str(path)) for path in tmp_path.rglob("*.parquet")]
    expected = [
        {"city": row["city"], "year": None if row["year"] is None else str(row["year"])} for row in table.to_pylist()
    ]
    assert sorted(map(str, found)) == sorted(map(str, expected))
