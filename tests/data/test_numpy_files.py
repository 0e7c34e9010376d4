"""NPY, NPZ and IDX."""

import gzip
import io
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from chainrule.data import fragments
from chainrule.data.fragments import Dialect
from chainrule.data.sources import look_up, rows_of
from chainrule.data.tables import plain
from chainrule.wire.errors import InvalidData


def rows(path, **dialect):
    columns = {}
    for table, _, _ in rows_of(look_up(str(path)), Dialect(**dialect)):
        for name, values in plain(table).to_pydict().items():
            columns.setdefault(name, []).extend(values)
    return columns


def refusal(path, **dialect):
    with pytest.raises(InvalidData) as caught:
        rows(path, **dialect)
    sentence = str(caught.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    return sentence


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def idx(array, type_code=8):
    return struct.pack(f">HBB{array.ndim}I", 0, type_code, array.ndim, *array.shape) + array.tobytes()


matrices = st.builds(
    lambda array, kind: array.astype(kind),
    arrays(np.int8, array_shapes(min_dims=1, max_dims=3, max_side=5)),
    st.sampled_from(["u1", "i4", "f4", ">f8", "f2", "?"]),
)


@given(matrices, st.sampled_from("CF"), st.sampled_from(["m.npy", "m.npy.gz"]))
def test_a_matrix_comes_back_as_it_was_saved(tmp_path_factory, array, order, name):
    path = tmp_path_factory.mktemp("npy") / name
    content = npy(np.asarray(array, order=order))
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    columns = rows(path)
    assert list(columns) == (["x"] if array.ndim == 1 else [f"x{i}" for i in range(array[0].size)])
    np.testing.assert_array_equal(np.column_stack(list(columns.values())), array.reshape(len(array), -1))


@pytest.mark.parametrize("order", "CF")
def test_long_arrays_come_in_blocks(tmp_path, monkeypatch, order):
    monkeypatch.setattr(fragments, "BLOCK_ROWS", 4)
    np.save(tmp_path / "m.npy", np.asarray(np.arange(20).reshape(10, 2), order=order))
    assert [table.num_rows for table, _, _ in rows_of(look_up(str(tmp_path / "m.npy")), Dialect())] == [4, 4, 2]
    assert rows(tmp_path / "m.npy") == {"x0": list(range(0, 20, 2)), "x1": list(range(1, 20, 2))}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_the_arrays_of_an_npz_stand_beside_each_other(tmp_path, save):
    save(tmp_path / "m.npz", x=np.arange(6).reshape(3, 2), label=np.array(["a", "b", "a"]))
    assert rows(tmp_path / "m.npz") == {"x0": [0, 2, 4], "x1": [1, 3, 5], "label": ["a", "b", "a"]}


def test_fields_of_records_are_columns(tmp_path):
    np.save(tmp_path / "m.npy", np.array([(1, 2.5), (3, 4.5)], dtype=[("a", "i4"), ("b", "f8")]))
    assert rows(tmp_path / "m.npy") == {"a": [1, 3], "b": [2.5, 4.5]}


def test_arrays_of_different_lengths_are_refused(tmp_path):
    np.savez(tmp_path / "m.npz", x=np.arange(3), y=np.arange(4))
    assert "arrays of the same number of rows; it has x 3, y 4" in refusal(tmp_path / "m.npz")


def test_pickles_are_never_loaded(tmp_path):
    np.save(tmp_path / "m.npy", np.array([{"a": 1}, print], dtype=object), allow_pickle=True)
    assert "carries pickled objects, which are never loaded" in refusal(tmp_path / "m.npy")
    np.savez(tmp_path / "m.npz", x=np.array([print], dtype=object))
    assert "carries pickled objects" in refusal(tmp_path / "m.npz")


@pytest.mark.parametrize("shape", ["(3000000000000, 2)", "(2, 2)", "(4, 2)"])
def test_a_header_that_lies_about_the_size_is_refused(tmp_path, shape):
    content = npy(np.arange(6.0).reshape(3, 2))
    lie = content.replace(b"(3, 2), }" + b" " * (len(shape) - 6), f"{shape}, }}".encode())
    (tmp_path / "m.npy").write_bytes(lie)
    assert "bytes of rows, but has 48" in refusal(tmp_path / "m.npy")
    (tmp_path / "m.npy.gz").write_bytes(gzip.compress(lie))
    sentence = refusal(tmp_path / "m.npy.gz") if shape != "(2, 2)" else "too early"
    assert "too early" in sentence or "unpacks to more than" in sentence


@pytest.mark.parametrize(
    "content", [b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\x10\x00{nonsense        ", b"nothing at all"]
)
def test_what_is_no_array_is_refused(tmp_path, content):
    (tmp_path / "m.npy").write_bytes(content)
    assert "is not a NumPy file" in refusal(tmp_path / "m.npy")
    (tmp_path / "m.npz").write_bytes(content)
    said = "is an NPY file, not NPZ" if content.startswith(b"\x93") else "is not a whole NPZ file"
    assert said in refusal(tmp_path / "m.npz")


def test_a_single_value_and_complex_numbers_are_refused(tmp_path):
    np.save(tmp_path / "m.npy", np.float64(3))
    assert "single value" in refusal(tmp_path / "m.npy")
    np.save(tmp_path / "m.npy", np.array([1j]))
    assert "complex128" in refusal(tmp_path / "m.npy")


def test_an_archive_that_unpacks_without_end_is_refused(tmp_path):
    np.savez_compressed(tmp_path / "m.npz", x=np.zeros(100_000))
    assert "unpacks to more than 1,000 bytes" in refusal(tmp_path / "m.npz", unpack_limit=1000)
    (tmp_path / "m.npy.gz").write_bytes(gzip.compress(npy(np.zeros(100_000))))
    assert "unpacks to more than 1,000 bytes" in refusal(tmp_path / "m.npy.gz", unpack_limit=1000)


def test_an_archive_whose_member_is_damaged_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as archive:
        archive.writestr("x.npy", npy(np.arange(1000)))
    content = bytearray((tmp_path / "m.npz").read_bytes())
    content[500] ^= 1
    (tmp_path / "m.npz").write_bytes(content)
    assert "is not a whole NPZ file" in refusal(tmp_path / "m.npz")


@given(arrays(np.uint8, array_shapes(min_dims=1, max_dims=3, max_side=5)), st.booleans())
def test_idx_comes_back_as_it_was_written(tmp_path_factory, array, packed):
    path = tmp_path_factory.mktemp("idx") / ("a-idx-ubyte.gz" if packed else "a-idx-ubyte")
    path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    np.testing.assert_array_equal(np.column_stack(list(rows(path).values())), array.reshape(len(array), -1))


def test_numbers_of_idx_have_their_most_significant_byte_first(tmp_path):
    (tmp_path / "a.idx").write_bytes(idx(np.array([[1, -2], [300, 4]], ">i2"), 0x0B))
    assert rows(tmp_path / "a.idx") == {"p0": [1, 300], "p1": [-2, 4]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "does not begin with its magic number"),
        (b"P5 nothing", "does not begin with its magic number"),
        (idx(np.zeros((2, 2), np.uint8))[:9], "ends in its header"),
        (idx(np.zeros((2, 2), np.uint8))[:-1], "says that it holds"),
        (idx(np.zeros((2, 2), np.uint8)) + b"x", "says that it holds"),
    ],
)
def test_bad_idx_is_refused(tmp_path, content, said):
    (tmp_path / "a.idx").write_bytes(content)
    assert said in refusal(tmp_path / "a.idx")


@pytest.mark.parametrize(("change", "said"), [(-1, "bytes too early"), (1, "bytes behind its last row")])
def test_packed_idx_of_another_length_is_refused(tmp_path, change, said):
    content = idx(np.zeros((2, 2), np.uint8))
    (tmp_path / "a.idx.gz").write_bytes(gzip.compress(content[:change] if change < 0 else content + b"x"))
    assert said in refusal(tmp_path / "a.idx.gz")


def test_more_images_than_labels_are_refused(tmp_path):
    (tmp_path / "t-images-idx3-ubyte").write_bytes(idx(np.zeros((3, 2, 2), np.uint8)))
    (tmp_path / "t-labels-idx1-ubyte").write_bytes(idx(np.zeros(2, np.uint8)))
    assert "holds 3 images, but" in refusal(tmp_path / "t-images-idx3-ubyte")
