"""Arrays of every type of NumPy, and the parts that an NPZ's names tell."""

import warnings
import zipfile

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.data.faults import Faulty
from chainrule.data.files import find_files
from chainrule.data.fragments import Dialect
from chainrule.data.numpy_columns import DTYPE
from chainrule.data.numpy_files import plan_npy, plan_npz, read_npy, read_npz
from chainrule.data.numpy_parts import part_of


def table(path, part=None):
    (file,) = find_files(str(path), (".npy", ".npz"))
    if path.suffix == ".npy":
        tables = [each for part in plan_npy(file, Dialect(), None) for each in read_npy(part, Dialect())]
    else:
        tables = [each for one in plan_npz(file, Dialect(), None) for each in read_npz(one, Dialect(), part)]
    return pa.concat_tables(tables)


def column(path, values):
    """The column that an array of one dimension becomes, in an NPY and in an NPZ."""
    np.save(path / "m.npy", values)
    np.savez(path / "m.npz", x=values)
    single, archived = table(path / "m.npy"), table(path / "m.npz")
    assert str(single) == str(archived)  # NaN is not equal to itself
    return single["x"]


def problem(path, part=None):
    with pytest.raises(Faulty) as caught:
        table(path, part)
    return caught.value.fault.problem


UNITS = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "25s", "10ms"]
SECONDS = {
    "W": 604_800,
    "D": 86_400,
    "h": 3600,
    "m": 60,
    "s": 1,
    "ms": 1e-3,
    "us": 1e-6,
    "ns": 1e-9,
    "ps": 1e-12,
    "fs": 1e-15,
    "as": 1e-18,
    "25s": 25,
    "10ms": 1e-2,
    "Y": 31_556_952,  # 365.2425 days
    "M": 2_629_746,
}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("order", "<>")
def test_dates_of_every_unit_are_dates(tmp_path, unit, order):
    values = np.array(["NaT", "1970-01-01", "1970-01-01"], f"{order}M8[{unit}]")
    values[2] += 3
    told = column(tmp_path, values)
    assert pa.types.is_timestamp(told.type) or pa.types.is_date(told.type)
    expected = [None, 0, {"Y": 1096, "M": 90}.get(unit, 3 * SECONDS[unit] / 86_400)]  # to January 1973, to April 1970
    days = [
        each if each is None else each / 86_400e9 for each in told.cast(pa.timestamp("ns")).cast("int64").to_pylist()
    ]
    assert days == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize("unit", UNITS)
def test_durations_of_every_unit_are_durations(tmp_path, unit):
    told = column(tmp_path, np.array([7, -2_000_000_000, "NaT"], f"m8[{unit}]"))
    assert pa.types.is_duration(told.type)
    factor = {"s": 1, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}[told.type.unit]
    seconds = [each if each is None else each * factor for each in told.cast("int64").to_pylist()]
    assert seconds[2] is None
    assert seconds[:2] == pytest.approx([7 * SECONDS[unit], -2e9 * SECONDS[unit]], rel=1e-6, abs=1.1e-9)


def test_times_without_a_unit_are_missing_or_plain_numbers(tmp_path):
    assert column(tmp_path, np.array(["NaT", "NaT"], "M8")).null_count == 2
    assert column(tmp_path, np.array([3, "NaT"], "m8")).to_pylist() == [3, None]


@pytest.mark.parametrize(
    ("values", "row"),
    [
        (np.array([0, 2**40], "i8").view("M8[D]"), "row 1"),
        (np.array([0, 1, 2**60], "i8").view("M8[Y]"), "row 2"),
        (np.array([2**62], "i8").view("M8[h]"), "row 0"),
        (np.array([2**62], "i8").view("m8[W]"), "row 0"),
        (np.array([2**62], "i8").view("m8[Y]"), "row 0"),
    ],
)
def test_a_time_too_far_away_is_refused_with_its_place(tmp_path, values, row):
    np.save(tmp_path / "m.npy", values)
    with pytest.raises(Faulty, match="a time too far away") as caught:
        table(tmp_path / "m.npy")
    assert (f"row {caught.value.fault.row}", caught.value.fault.column) == (row, "x")


def test_numbers_of_every_width_are_numbers(tmp_path):
    for kind in ("f2", "f4", "f8", "longdouble", ">f2", ">f8"):
        told = column(tmp_path, np.array([0.5, -2, np.nan], kind))
        assert told.cast(pa.float64()).to_pylist()[:2] == [0.5, -2.0]
    assert column(tmp_path, np.array([0.1], np.longdouble)).type == pa.float64()


@pytest.mark.parametrize("texts", [[b"abc", b"de"], ["größe".encode(), b""], [b"\xff", b"a"]])
def test_byte_strings_are_texts_where_they_are_utf8(tmp_path, texts):
    told = column(tmp_path, np.array(texts))
    try:
        assert (told.type, told.to_pylist()) == (pa.string(), [each.decode() for each in texts])
    except UnicodeDecodeError:
        assert (told.type, told.to_pylist()) == (pa.binary(), texts)


def test_texts_that_are_not_unicode_are_bytes_or_refused(tmp_path):
    assert column(tmp_path, np.array(["a", "größe€😀"])).to_pylist() == ["a", "größe€😀"]
    assert column(tmp_path, np.array(["a", "\ud800"])).to_pylist() == [b"a", b"\xed\xa0\x80"]
    np.save(tmp_path / "m.npy", np.array([97, 0x7FFFFFFF], "u4").view("U1"))
    assert problem(tmp_path / "m.npy") == "is not Unicode text"


@pytest.mark.parametrize(
    "values", [np.array([1j, 2]), np.array([b"abc", b"d"], "V3"), np.array([[1], {"a": print}], object)]
)
def test_values_that_cannot_be_trained_on_fail_no_other_column(tmp_path, values):
    np.savez(tmp_path / "m.npz", x=np.arange(2), bad=values, wide=np.stack([values, values], 1))
    told = table(tmp_path / "m.npz")
    assert told.column_names == ["x", "bad", "wide0", "wide1"]
    for name in told.column_names[1:]:
        assert told[name].type == pa.binary()
        assert told.field(name).metadata == {DTYPE: str(values.dtype).encode()}
    assert told["x"].to_pylist() == [0, 1]
    expected = [None, None] if values.dtype == object else [each.tobytes() for each in values]
    assert told["bad"].to_pylist() == expected


def test_records_with_objects_have_no_values(tmp_path):
    np.savez(tmp_path / "m.npz", x=np.arange(2), r=np.array([(1, "a"), (2, "b")], [("n", "i4"), ("o", object)]))
    assert table(tmp_path / "m.npz").to_pydict() == {"x": [0, 1], "n": [None, None], "o": [None, None]}


def test_records_keep_the_fields_that_are_numbers(tmp_path):
    np.save(tmp_path / "m.npy", np.array([(1, 1j), (2, 2j)], [("a", "i4"), ("b", "c8")]))
    told = table(tmp_path / "m.npy")
    assert (told["a"].to_pylist(), told["b"].type) == ([1, 2], pa.binary())


@pytest.mark.parametrize("values", [np.array([1j]), np.array([print], object), np.array([(1j,)], [("a", "c8")])])
def test_an_array_without_any_number_is_refused(tmp_path, values):
    np.save(tmp_path / "m.npy", values)
    np.savez(tmp_path / "m.npz", x=values, y=values)
    said = "carries pickled objects, which are never loaded" if values.dtype == object else "holds values of type"
    assert said in problem(tmp_path / "m.npy")
    assert said in problem(tmp_path / "m.npz")


@given(names=st.lists(st.text("aé€😀", min_size=1, max_size=4), min_size=1, max_size=3, unique=True))
def test_fields_have_names_of_any_letters(tmp_path_factory, names):
    path = tmp_path_factory.mktemp("npy") / "m.npy"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about format 3.0
        np.save(path, np.zeros(2, [(name, "i4") for name in names]))
    assert table(path).column_names == names


def test_a_column_of_one_dimension_more_keeps_its_name(tmp_path):
    np.savez(tmp_path / "m.npz", x=np.arange(6).reshape(3, 2), y=np.arange(3).reshape(3, 1), z=np.zeros((3, 1, 1)))
    assert table(tmp_path / "m.npz").column_names == ["x0", "x1", "y", "z"]


def test_arrays_of_one_column_name_both_remain(tmp_path):
    np.savez(tmp_path / "m.npz", x=np.arange(6).reshape(3, 2), x0=np.arange(3))
    assert table(tmp_path / "m.npz").column_names == ["x0", "x1", "x0"]


PARTS = {
    "keras": ("x_train", "y_train", "x_test", "y_test"),
    "capitals": ("X_train", "Y_train", "X_test", "Y_test"),
    "words in front": ("train_images", "train_labels", "test_images", "test_labels"),
    "long words": ("Training-images", "Training-labels", "Testing-images", "Testing-labels"),
}


@pytest.mark.parametrize("case", PARTS)
def test_the_rows_of_one_part_are_read_without_it_in_their_names(tmp_path, case):
    x, y, test_x, test_y = PARTS[case]
    arrays = {x: [[1, 2], [3, 4]], y: [0, 1], test_x: [[5, 6]], test_y: [1]}
    np.savez(tmp_path / "m.npz", **{name: np.array(values) for name, values in arrays.items()})
    first, second = part_of(x)[1], part_of(y)[1]
    train = {f"{first}0": [1, 3], f"{first}1": [2, 4], second: [0, 1]}
    assert table(tmp_path / "m.npz").to_pydict() == table(tmp_path / "m.npz", "train").to_pydict() == train
    assert table(tmp_path / "m.npz", "test").to_pydict() == {f"{first}0": [5], f"{first}1": [6], second: [1]}
    assert "has no array whose name tells 'validation'" in problem(tmp_path / "m.npz", "validation")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("x_train", ("train", "x")),
        ("X_train", ("train", "X")),
        ("train", ("train", "x")),
        ("x_train_scaled", ("train", "x_scaled")),
        ("val_images", ("validation", "images")),
        ("trainer", (None, "trainer")),
        ("contest", (None, "contest")),
        ("latest_x", (None, "latest_x")),
        ("x", (None, "x")),
    ],
)
def test_a_name_tells_a_part_as_a_whole_word(name, told):
    assert part_of(name) == told


def test_an_archive_of_test_rows_alone_is_read(tmp_path):
    np.savez(tmp_path / "m.npz", x_test=np.arange(3), y_test=np.arange(3))
    assert table(tmp_path / "m.npz").column_names == ["x", "y"]


def test_arrays_of_no_part_belong_to_all_or_are_told(tmp_path):
    np.savez(tmp_path / "m.npz", x_train=np.arange(3), x_test=np.arange(2), ids=np.arange(3), classes=np.arange(4))
    assert "same number of rows; it has x_train 3, ids 3, classes 4" in problem(tmp_path / "m.npz")
    np.savez(tmp_path / "m.npz", x_train=np.arange(3), x_test=np.arange(2), ids=np.arange(3))
    assert table(tmp_path / "m.npz").column_names == ["x", "ids"]


def test_what_an_archive_holds_instead_of_arrays_is_told(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as archive:
        archive.writestr("rows.csv", "a,b\n1,2\n")
    assert "is a zip archive without an array of NumPy; it has rows.csv" in problem(tmp_path / "m.npz")
    np.savez(tmp_path / "m.npz", **{name: np.arange(2) for name in ("indices", "indptr", "format", "shape", "data")})
    assert "holds a sparse matrix of SciPy; save it dense" in problem(tmp_path / "m.npz")
    np.savez(tmp_path / "m.npz", x=np.arange(2), rate=np.float64(3))
    assert "has the array 'rate', which holds a single value, not rows" in problem(tmp_path / "m.npz")
