"""The inputs of a row have the same bits alone and among any others, in any order, block size and format."""

import json
from datetime import UTC, datetime, time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv, feather, parquet
from safetensors.numpy import save_file

from chainrule.client.predictions import encode, read_rows
from chainrule.data import csv_files, fragments, records
from chainrule.data.dataset import load_dataset
from chainrule.data.model import FIRST_METADATA, Model
from chainrule.nn import initialize, predict
from chainrule.wire.record import RecordHeader

LABELS = ("ash", "birch", "cedar")
WORDS = {
    "seal": ["true", "false", "maybe"],
    "code": ["007", "7", "07"],
    "dose": ["1.0", "1", "1.00", "2"],
    "clock": ["12:30", "9:05", "soon", "09:05"],
    "hex": ["0x1F", "31", "0x1f"],
    "power": ["1e3", "1000", "1E3"],
    "plus": ["+5", "5", "5.0"],
    "id": ["12345678901234567890", "12345678901234567891", "012345678901234567890"],
    "when": ["2020-01-05 00:00:00", "2020-01-05", "2020-01-05 12:30", "never"],
    "zip": ["01234", "1234", "94105"],
    "gap": ["NA", "none", "null", "?"],
}
CATEGORIES = dict.fromkeys(WORDS, "category")
NUMBERS = {
    "width": [0.1, 1 / 3, -2.5e-7, 12345.678, 1e30],
    "count": [-3.0, 0.0, 7.0, 2.0**24 + 1],
    "born": ["1999-12-31", "2020-01-05T12:30:00.123457", "1969-07-20 20:17:40.7", "2020-01-05T12:30:00+05:30"],
    "alarm": ["12:30", "9:05:01.1", "23:59:59.999999", "0:00"],
    "wet": ["true", "FALSE", "True"],
    "share": ["5%", "12.5%", "-0.1%"],
}
MISSING = {**dict.fromkeys(("width", "count", "born", "alarm", "share"))}
POOL = WORDS | NUMBERS
NAMES = tuple(POOL)
ROWS = 40


def pooled(rng):
    """Return a row of values from the pools; about one in ten is missing."""
    row = {name: values[rng.integers(len(values))] for name, values in POOL.items()}
    return {name: None if name != "wet" and rng.random() < 0.1 else value for name, value in row.items()}


RNG = np.random.default_rng(5)
TABLE = [pooled(RNG) for _ in range(ROWS)]


def cell(value, quoted=False):
    """Write a value of a text file; a word for a missing value is quoted where it is a value."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else repr(value)
    return f'"{text}"' if quoted or text in ("NA", "null", "?") else text


def text(rows, delimiter, quoted=False, labels=None):
    lines = [delimiter.join(NAMES if labels is None else (*NAMES, "label"))]
    for number, row in enumerate(rows):
        more = [] if labels is None else [labels[number % len(labels)]]
        lines.append(delimiter.join([*(cell(row[name], quoted) for name in NAMES), *more]))
    return "\n".join(lines) + "\n"


TEXT = pa.string()


def arrow(rows, texts=TEXT):
    """Return the rows as typed columns: numbers as float64, truth values as bool, moments as they are written."""
    columns = {name: pa.array([row[name] for row in rows], texts) for name in WORDS}
    columns |= {name: pa.array([row[name] for row in rows], pa.float64()) for name in ("width", "count")}
    moments = [None if row["born"] is None else moment(row["born"]) for row in rows]
    columns["born"] = pa.array(moments, pa.timestamp("us", "UTC"))
    columns["alarm"] = pa.array([None if row["alarm"] is None else clock(row["alarm"]) for row in rows])
    columns["wet"] = pa.array([row["wet"].lower() == "true" for row in rows], pa.bool_())
    columns["share"] = pa.array([row["share"] for row in rows], texts)
    return pa.table(columns)


def moment(written):
    read = datetime.fromisoformat(written)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def clock(written):
    return time.fromisoformat(written if written[1] != ":" else f"0{written}")


def write_json(rows, path):
    lines = [{name: row[name] for name in NAMES if row[name] is not None} for row in rows]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def write_stream(rows, path, file=False):
    table = arrow(rows)
    with (pa.ipc.new_file if file else pa.ipc.new_stream)(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)


WRITERS = {
    "csv": lambda rows, path: path.write_text(text(rows, ",")),
    "quoted.csv": lambda rows, path: path.write_text(text(rows, ",", quoted=True)),
    "txt": lambda rows, path: path.write_text(text(rows, ";")),
    "tsv": lambda rows, path: path.write_text(text(rows, "\t")),
    "jsonl": write_json,
    "arrow": write_stream,
    "feather": lambda rows, path: write_stream(rows, path, file=True),
    "parquet": lambda rows, path: parquet.write_table(arrow(rows), path, row_group_size=4),
}


def untrained(spec, seed=3):
    """Return a model of a job with its first weights, and what is on record of the job."""
    summary, _ = load_dataset(spec)
    model = Model(spec, summary, initialize(summary.network(spec), seed), 1)
    return model, RecordHeader(spec, None, summary.sha256, (), summary.document())


class Known:
    """A model of the pools' columns, its record, and the inputs of each row alone, from a file of one row."""

    def __init__(self, model, header, alone, folder):
        self.model, self.header, self.alone, self.folder = model, header, alone, folder
        self.outputs = predict(model.summary.network(model.spec), model.parameters, alone)


@pytest.fixture(scope="module")
def known(job, tmp_path_factory):
    folder = tmp_path_factory.mktemp("known")
    path = folder / "train.csv"
    path.write_text(text([pooled(RNG) for _ in range(120)], ",", labels=LABELS))
    kinds = CATEGORIES | {"born": "date", "alarm": "time", "wet": "boolean"}
    model, header = untrained(job(path, data={"kinds": kinds, "missing": "median"}, layers=[{"units": 9}, {}]))
    assert model.summary.classes == LABELS
    parts = [through(model, header, [row], folder / "alone.csv", "csv")[0] for row in TABLE]
    return Known(model, header, np.concatenate(parts), folder)


def through(model, header, rows, path, kind):
    """Return the inputs and the outputs of rows in a file, on the way that the client and the service give them."""
    WRITERS[kind](rows, path)
    return sent(model, read_rows(path, header))


def sent(model, tables):
    batches = [pa.ipc.open_stream(batch).read_all() for batch in encode(tables)]
    return np.concatenate([model.inputs(batch) for batch in batches]), np.concatenate(
        [model.outputs(batch) for batch in batches]
    )


def test_the_levels_are_the_words_of_the_file(known):
    levels = {each.column: each.levels for each in known.model.summary.encoders if each.kind == "levels"}
    assert {name: set(found) for name, found in levels.items()} == {name: set(words) for name, words in WORDS.items()}


def test_rows_that_differ_have_other_inputs(known):
    assert len({row.tobytes() for row in known.alone}) == len({tuple(row.values()) for row in TABLE})


chosen = st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=12)


@settings(max_examples=100)
@given(chosen, st.sampled_from(sorted(WRITERS)), st.sampled_from([1 << 12, 300, 150]), st.integers(1, 5))
def test_a_row_has_the_same_inputs_in_any_file(known, places, kind, chunk, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "CHUNK_BYTES", chunk)
        patch.setattr(csv_files, "PARSED_BYTES", chunk)
        patch.setattr(fragments, "BLOCK_ROWS", block)
        path = known.folder / f"rows.{kind}"
        X, A = through(known.model, known.header, [TABLE[i] for i in places], path, kind)
    np.testing.assert_array_equal(X, known.alone[places])
    np.testing.assert_allclose(A, known.outputs[places], rtol=1e-6)
    np.testing.assert_array_equal(A.argmax(axis=1), known.outputs[places].argmax(axis=1))


@settings(max_examples=20)
@given(
    chosen, st.sampled_from([pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())])
)
def test_a_row_has_the_same_inputs_in_any_table(known, places, texts):
    table = arrow([TABLE[i] for i in places], texts)
    np.testing.assert_array_equal(known.model.inputs(table), known.alone[places])
    backwards = table.select(NAMES[::-1]).append_column("other", pa.array([b"x"] * len(places)))
    np.testing.assert_array_equal(known.model.inputs(backwards), known.alone[places])
    for start in range(len(places)):
        part = known.model.inputs(table.slice(start))
        np.testing.assert_array_equal(part, known.alone[places[start:]])


TYPED = [
    ("seal", pa.array([True, False]), ["true", "false"]),
    ("code", pa.array([7], pa.int16()), ["7"]),
    ("code", pa.array([7.0], pa.float32()), ["7"]),
    ("dose", pa.array([1, 2], pa.uint8()), ["1", "2"]),
    ("power", pa.array([1000], pa.int64()), ["1000"]),
    ("plus", pa.array([5], pa.int64()), ["5"]),
    ("id", pa.array([12345678901234567890], pa.uint64()), ["12345678901234567890"]),
    ("when", pa.array([datetime(2020, 1, 5, 12, 30)], pa.timestamp("ms")), ["2020-01-05 12:30"]),
    ("clock", pa.array([time(12, 30)], pa.time32("s")), ["12:30"]),
    ("zip", pa.array([94105, 1234], pa.int32()), ["94105", "1234"]),
    ("wet", pa.array([1, 0], pa.int8()), ["true", "FALSE"]),
    ("wet", pa.array(["1", "0", "TRUE"]), ["true", "FALSE", "True"]),
    ("born", pa.array([datetime(1999, 12, 31)]).cast(pa.date32()), ["1999-12-31"]),
    ("width", pa.array([100, 1], pa.decimal128(5, 1)).cast(pa.decimal128(9, 4)), ["100", "1"]),
    ("width", pa.array(["0.1", "+5", "1e3", " 7 ", "007"]), ["0.1", "5", "1000", "7", "7"]),
]


@pytest.mark.parametrize(("name", "typed", "words"), TYPED, ids=str)
def test_a_value_of_a_type_is_what_its_word_is(known, name, typed, words):
    like = [TABLE[0] | {name: word} for word in words]
    expected, _ = through(known.model, known.header, like, known.folder / "words.csv", "csv")
    place = NAMES.index(name)
    table = arrow([TABLE[0]] * len(words)).set_column(place, name, typed)
    np.testing.assert_array_equal(known.model.inputs(table), expected)


@settings(max_examples=20)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=6))
def test_any_number_is_the_same_in_text_and_in_columns(known, values):
    rows = [TABLE[0] | {"width": value} for value in values]
    expected = known.model.inputs(arrow(rows))
    for kind in ("csv", "tsv", "jsonl"):
        X, _ = through(known.model, known.header, rows, known.folder / f"numbers.{kind}", kind)
        np.testing.assert_array_equal(X, expected)


moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))


@settings(max_examples=20)
@given(st.lists(st.tuples(moments, st.sampled_from(["", "Z", "+00:00", "+0000"])), min_size=1, max_size=6))
def test_any_moment_is_the_same_with_and_without_others(known, found):
    rows = [TABLE[0] | {"born": f"{each.isoformat(' ')}{zone}"} for each, zone in found]
    expected = known.model.inputs(arrow(rows))
    for kind in ("csv", "jsonl"):
        X, _ = through(known.model, known.header, rows, known.folder / f"moments.{kind}", kind)
        np.testing.assert_array_equal(X, expected)


@settings(max_examples=20)
@given(st.lists(st.times(), min_size=1, max_size=6))
def test_any_time_of_day_is_the_same_in_text_and_in_columns(known, found):
    rows = [TABLE[0] | {"alarm": each.isoformat()} for each in found]
    X, _ = through(known.model, known.header, rows, known.folder / "times.csv", "csv")
    np.testing.assert_array_equal(X, known.model.inputs(arrow(rows)))


@pytest.mark.parametrize("way", ["kind", "majority"])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "arrow"])
def test_a_file_of_one_word_alone_is_read_as_in_training(job, tmp_path, way, kind):
    words = ["true", "false", "maybe"] if way == "kind" else ["true", "false", "maybe", "maybe", "maybe"]
    source = tmp_path / "train.csv"
    lines = [f"{words[i % len(words)]},{i},{LABELS[i % 3]}" for i in range(60)]
    source.write_text("\n".join(["seal,x,label", *lines]) + "\n")
    data = {"kinds": {"seal": "category"}} if way == "kind" else {}
    model, header = untrained(job(source, data=data))
    write = {
        "csv": lambda table, path: path.write_text("seal,x\n" + f"{table['seal'][0]},4\n" * table.num_rows),
        "jsonl": lambda table, path: path.write_text(f'{{"seal": "{table["seal"][0]}", "x": 4}}\n' * table.num_rows),
        "parquet": parquet.write_table,
        "arrow": lambda table, path: feather.write_feather(table, str(path)),
    }[kind]
    path = tmp_path / f"rows.{kind}"
    for number, word in enumerate(("false", "maybe", "true")):
        write(pa.table({"seal": [word] * 5, "x": [4.0] * 5}), path)
        X, _ = sent(model, read_rows(path, header))
        expected = np.zeros((5, 4))
        expected[:, number] = 1
        np.testing.assert_array_equal(X[:, :4], expected)
        if word != "maybe":
            typed = pa.table({"seal": [word == "true"] * 5, "x": [4] * 5})
            np.testing.assert_array_equal(model.inputs(typed), X)


def test_equal_rows_have_equal_labels_in_a_long_file(known):
    path = known.folder / "long.csv"
    header, line = text([TABLE[3]], ",").splitlines()
    path.write_text(f"{header}\n" + f"{line}\n" * 100_000)
    A = np.concatenate(
        [known.model.outputs(pa.ipc.open_stream(batch).read_all()) for batch in encode(read_rows(path, known.header))]
    )
    assert A.shape == (100_000, 3)
    assert set(A.argmax(axis=1)) == {known.outputs[3].argmax()}
    np.testing.assert_allclose(A, np.broadcast_to(known.outputs[3], A.shape), rtol=1e-6)


@pytest.mark.parametrize("typed", ["int64", "float64", "float32", "bool", "timestamp", "date32", "time64"])
@pytest.mark.parametrize("most", [100, 1])
def test_a_category_of_typed_values_is_found_by_their_words(job, tmp_path, typed, most):
    """Parquet trains; a typed table, a table of texts and a CSV file are predicted; with levels and with buckets."""
    values = {
        "int64": pa.array([7, 12, 31]),
        "float64": pa.array([7.5, 12.0, 1e30]),
        "float32": pa.array([0.1, 12.0, 2.5], pa.float32()),
        "bool": pa.array([True, False, True]),
        "timestamp": pa.array([datetime(2020, 1, 5), datetime(2020, 1, 5, 12, 30), datetime(2021, 3, 4, 5, 6, 7, 8)]),
        "date32": pa.array([datetime(2020, 1, 5), datetime(2021, 1, 5), datetime(1969, 1, 1)]).cast(pa.date32()),
        "time64": pa.array([time(12, 30), time(0, 0, 1), time(23, 59, 59, 5)]),
    }[typed]
    column = values.take(pa.array([i % 3 for i in range(60)]))
    table = pa.table({"c": column, "label": [LABELS[i % 3] for i in range(60)]})
    parquet.write_table(table, tmp_path / "train.parquet")
    spec = job(
        tmp_path / "train.parquet", data={"kinds": {"c": "category"}, "most_categories": most, "hash_buckets": 101}
    )
    model, header = untrained(spec)
    X = model.inputs(table)
    assert len({row.tobytes() for row in X}) == len(set(values.to_pylist()))
    for i in range(3):
        np.testing.assert_array_equal(model.inputs(table.slice(i, 1)), X[i : i + 1])
    csv.write_csv(table, tmp_path / "rows.csv")
    np.testing.assert_array_equal(sent(model, read_rows(tmp_path / "rows.csv", header))[0], X)
    written = table.set_column(0, "c", column.cast(pa.string()))
    np.testing.assert_array_equal(model.inputs(written), X)


def first_version(model, path):
    """Write a model as version 1 did, which knew neither how its data was read nor where words came from."""
    document = model.summary.document()
    for name in ("reading", "rules"):
        document.pop(name)
    for encoder in document["encoders"]:
        for name in ("sign", "source"):
            encoder.pop(name, None)
    content = {"version": model.version, "spec": model.spec.document(), "data": document}
    tensors = {name: np.ascontiguousarray(array) for name, array in model.parameters.named()}
    save_file(tensors, path, {FIRST_METADATA: json.dumps(content)})


def test_a_model_of_version_1_predicts_and_says_so(job, tmp_path):
    source = tmp_path / "train.csv"
    lines = [f"{i % 7}.5,{['red', 'blue', '7'][i % 3]},2020-01-{i % 28 + 1:02},{LABELS[i % 3]}" for i in range(60)]
    source.write_text("\n".join(["x,colour,day,label", *lines]) + "\n")
    model, _ = untrained(job(source))
    first_version(model, tmp_path / "model.safetensors")
    old = Model.load(tmp_path / "model.safetensors")
    assert old.summary.reading.values.legacy
    assert model.warnings == ()
    assert len(old.warnings) == 1
    assert "older version" in old.warnings[0]
    table = pa.table({"x": [1.5, 2.5], "colour": ["red", "7"], "day": ["2020-01-03", "2020-01-04"]})
    np.testing.assert_array_equal(old.predict(table), model.predict(table))
    header = RecordHeader(old.spec, None, "", (), old.summary.document())
    (tmp_path / "rows.csv").write_text("x,colour,day\n1.5,red,2020-01-03\n2.5,7,2020-01-04\n")
    _, A = sent(old, read_rows(tmp_path / "rows.csv", header))
    np.testing.assert_allclose(A, model.predict(table), rtol=1e-6)
    old.save(tmp_path / "again.safetensors")
    again = Model.load(tmp_path / "again.safetensors")
    assert again.summary == old.summary
    assert again.warnings == old.warnings


def test_a_model_of_version_1_takes_numbers_and_truth_values_as_words(job, tmp_path):
    """Its blocks gave such values one word for all: 1 for 01, true for TRUE."""
    source = tmp_path / "train.csv"
    lines = [f"{['true', 'false', 'maybe', '2'][i % 4]},{i},{LABELS[i % 3]}" for i in range(60)]
    source.write_text("\n".join(["seal,x,label", *lines]) + "\n")
    model, _ = untrained(job(source, data={"kinds": {"seal": "category"}}))
    first_version(model, tmp_path / "model.safetensors")
    old = Model.load(tmp_path / "model.safetensors")
    by_words = model.inputs(pa.table({"seal": ["true", "false", "maybe", "2"], "x": [1.0] * 4}))
    for values in (["TRUE", "False", "maybe", "02"], ["True", "FALSE", "maybe", "2.0"]):
        np.testing.assert_array_equal(old.inputs(pa.table({"seal": values, "x": ["1"] * 4})), by_words)
    np.testing.assert_array_equal(old.inputs(pa.table({"seal": [True, False], "x": [1.0] * 2})), by_words[:2])
