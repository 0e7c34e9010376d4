"""Arrays of NumPy -> columns of Arrow."""

from math import prod
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from chainrule.data.faults import Faulty

Columns: TypeAlias = list[tuple[str, pa.Array, str]]
"""Of each column its name, its values, and the NumPy type of values that cannot be trained on, or nothing."""
DTYPE = b"dtype"
"""The metadata of a binary column's field that tells the NumPy type of its values."""
FINE = ("ps", "fs", "as")
UNITS = {"Y": "D", "M": "D", "W": "D", "h": "s", "m": "s"} | dict.fromkeys(FINE, "ns")
"""The unit of Arrow that stands for one of NumPy which Arrow lacks."""


def table_of(columns: Columns) -> pa.Table:
    """Return the columns as a table; two may have the same name."""
    fields = [
        pa.field(name, column.type, metadata={DTYPE: dtype} if dtype else None) for name, column, dtype in columns
    ]
    return pa.Table.from_arrays([column for _, column, _ in columns], schema=pa.schema(fields))


def columns_of(rows: NDArray[Any], name: str, *, bare: bool = False) -> Columns:
    """Return the columns of rows of any shape: `name` alone, name0, name1, ..., or an array's own fields.

    `bare`: rows of one value in more than one dimension have the column `name`, too.
    """
    if rows.dtype.names:
        return [column for each in rows.dtype.names for column in columns_of(rows[each], each, bare=bare)]
    if rows.ndim == 1:
        return [_column(rows, name)]
    flat = rows.reshape(len(rows), prod(rows.shape[1:]))
    single = bare and flat.shape[1] == 1
    return [_column(np.ascontiguousarray(each), name if single else f"{name}{i}") for i, each in enumerate(flat.T)]


def absent(dtype: np.dtype[Any], row_shape: tuple[int, ...], rows: int, name: str) -> Columns:
    """Return the columns, without a value, of an array of Python objects, which are never loaded."""
    names = [each for each, *_ in columns_of(np.zeros((0, *row_shape), dtype), name, bare=True)]
    return [(each, pa.nulls(rows, pa.binary()), "object") for each in names]


def usable(dtype: np.dtype[Any]) -> bool:
    """Whether values of a type are numbers, texts or dates."""
    return dtype.kind in "biufUSMm"


def _column(values: NDArray[Any], name: str) -> tuple[str, pa.Array, str]:
    native = values.astype(values.dtype.newbyteorder("="), copy=False)
    kind = native.dtype.kind
    if not usable(native.dtype):
        return name, _bytes_of(native), str(native.dtype)
    if kind == "U":
        return name, _texts(native, name), ""
    if kind == "S":
        return name, _utf8(pa.array(native.tolist(), pa.binary())), ""
    if kind in "Mm":
        return name, _times(native, name), ""
    if kind == "f" and native.dtype.itemsize > 8:
        native = native.astype(np.float64)
    return name, pa.array(native), ""


def _bytes_of(values: NDArray[Any]) -> pa.Array:
    """Return the bytes of each value."""
    if not values.dtype.itemsize or not len(values):
        return pa.nulls(len(values), pa.binary())
    data = pa.py_buffer(np.ascontiguousarray(values).tobytes())
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(values.dtype.itemsize), len(values), [None, data]).cast(
        pa.binary()
    )


def _utf8(values: pa.Array) -> pa.Array:
    """Return bytes as texts where all are UTF-8, else as they are."""
    try:
        return values.cast(pa.string())
    except pa.ArrowInvalid:
        return values


def _texts(values: NDArray[Any], name: str) -> pa.Array:
    """Return texts; bytes where one is not Unicode. Raises Faulty for what is not even a code point."""
    try:
        return pa.array(values)
    except UnicodeError:
        pass
    points = np.ascontiguousarray(values).view(np.uint32).reshape(len(values), -1)
    beyond = (points > 0x10FFFF).any(axis=1)
    if beyond.any():
        raise Faulty("is not Unicode text", int(beyond.argmax()), name)
    return pa.array([text.encode("utf-8", "surrogatepass") for text in values.tolist()], pa.binary())


def _times(values: NDArray[Any], name: str) -> pa.Array:
    """Return dates, times and durations in a unit that Arrow has; NaT is null. Raises Faulty for one too far away."""
    kind = values.dtype.kind
    unit = np.datetime_data(values.dtype)[0]
    if unit == "generic":  # no more than NaT is a date without a unit; a duration is a plain number
        missing = pa.array(np.isnat(values))
        whole = pa.nulls(len(values), pa.timestamp("s")) if kind == "M" else pa.array(values.view(np.int64))
        return whole if kind == "M" else pc.if_else(missing, None, whole)
    target = UNITS.get(unit, unit)
    if kind == "m" and target == "D":
        target = "s"
    converted = values.astype(f"{kind}8[{target}]")
    _check_times(values, converted, name)
    return pa.array(converted)


def _check_times(values: NDArray[Any], converted: NDArray[Any], name: str) -> None:
    finer = np.datetime_data(values.dtype)[0] in FINE  # nothing overflows, but something may be lost
    far = np.zeros(len(values), np.bool_) if finer else converted.astype(values.dtype) != values
    if converted.dtype == np.dtype("M8[D]"):  # Arrow has 32 bits for them
        far |= np.abs(converted.view(np.int64)) >= 1 << 31
    far &= ~np.isnat(values)
    if far.any():
        row = int(far.argmax())
        raise Faulty(f"is {values[row]}, a time too far away", row, name)
