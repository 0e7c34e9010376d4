"""Files with marks, words, encodings and columns as people have them train as the plain file of the same rows does."""

import bz2
import gzip
import io
import json
import zipfile
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import dataset, feather, parquet

from chainrule.client.predictions import read_rows
from chainrule.data.dataset import load_dataset
from chainrule.data.model import Model
from chainrule.nn import initialize
from chainrule.wire.errors import ChainruleError, InvalidData
from chainrule.wire.record import RecordHeader

WORDS = ("Zürich", "São", "plain", "Œuvre")
ROWS = [(i * 1234.5 - 6000, WORDS[i % 4], "ab"[i % 2]) for i in range(24)]


def content(rows=ROWS, delimiter=",", header=("x", "city", "label")):
    return "".join(delimiter.join(map(str, row)) + "\n" for row in [header, *rows])


def loaded(spec):
    """Return the summary and the bits of the shards."""
    summary, shards = load_dataset(spec)
    return summary, [shard.sha256 for shard in shards]


def refusal(spec):
    with pytest.raises(ChainruleError) as caught:
        load_dataset(spec)
    return str(caught.value)


def untrained(spec):
    summary, _ = load_dataset(spec)
    model = Model(spec, summary, initialize(summary.network(spec), 0), 1)
    return model, RecordHeader(spec, None, "", (), summary.document())


def rows_to_predict(path, header, **options):
    return pa.concat_tables(read_rows(path, header, options))


@pytest.fixture
def plain(csv, job):
    """Return the bits that the plain file trains to."""
    return loaded(job(csv(content(), "plain.csv")))


@pytest.mark.parametrize(
    ("encoding", "named"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-8-sig", "utf-8"),
        ("utf-16", None),
        ("utf-16", "utf-16"),
        ("utf-16-be", "utf-16"),
        ("utf-16-be", None),
        ("windows-1252", "windows-1252"),
    ],
)
def test_encodings_carry_the_same_words(csv, job, plain, encoding, named):
    text = ("\ufeff" if encoding == "utf-16-be" else "") + content()
    data = {"encoding": named} if named else {}
    source = csv(text.encode(encoding), "other.csv")
    summary, bits = loaded(job(source, data=data))
    assert bits == plain[1]
    assert summary.encoders == plain[0].encoders


def test_latin_1_carries_its_letters(csv, job):
    rows = [(x, city.replace("Œ", "É"), label) for x, city, label in ROWS]
    _, bits = loaded(job(csv(content(rows).encode("latin-1"), "l.csv"), data={"encoding": "latin-1"}))
    assert bits == loaded(job(csv(content(rows))))[1]


@pytest.mark.parametrize(
    ("encoding", "named", "said"),
    [
        ("windows-1252", None, "row 1, column 'city' is not UTF-8 text; data.encoding = \"windows-1252\" may read it"),
        ("windows-1252", "utf-16", "UTF-16"),
        ("utf-8", "utf-16", "UTF-16"),
    ],
)
def test_the_wrong_encoding_gives_a_sentence(csv, job, encoding, named, said):
    source = csv(content().encode(encoding))
    found = refusal(job(source, data={"encoding": named} if named else {}))
    assert found.startswith(source)
    assert said in found
    assert "\n" not in found


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("thousands", [None, ",", ".", " ", "'", "_", "\u00a0", "\u202f"])
def test_numbers_may_have_marks(csv, job, plain, decimal, thousands):
    if thousands == decimal:
        pytest.skip("one mark for both")

    def written(x):
        grouped = f"{x:,}" if thousands else f"{x}"
        return grouped.translate({ord(","): thousands, ord("."): decimal})

    rows = [(written(x), city, label) for x, city, label in ROWS]
    data = {"decimal": decimal} | ({"thousands": thousands} if thousands else {})
    source = csv(content(rows, ";"), "marks.csv")
    assert loaded(job(source, data=data))[1] == plain[1]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("{},5", 'data.decimal = ","'),
        ("1.00{},5", 'data.decimal = "," and data.thousands = "."'),
        ("1,00{}.5", 'data.thousands = ","'),
        ("1 00{},5", 'data.decimal = "," and data.thousands = " "'),
        ("1'00{}", 'data.thousands = "\'"'),
        ("0{}.12.2020", 'data.date_format = "%d.%m.%Y"'),
    ],
)
def test_numbers_and_dates_in_another_format_are_refused_with_the_field_that_reads_them(csv, job, text, hint):
    rows = [(text.format(1 + i % 9), city, label) for i, (_, city, label) in enumerate(ROWS)]
    source = csv(content(rows, ";"))
    said = refusal(job(source))
    assert said.startswith(f"{source}: row 1, column 'x' is {rows[0][0]!r}, not ")
    assert hint in said


@settings(max_examples=30)
@given(
    st.lists(st.floats(-1e9, 1e9), min_size=8, max_size=8, unique=True),
    st.sampled_from([(",", "."), (".", ","), (",", None)]),
)
def test_numbers_with_marks_are_what_python_reads_without_them(job, tmp_path_factory, values, marks):
    decimal, thousands = marks
    path = tmp_path_factory.mktemp("marks") / "rows.csv"
    table = {ord(","): thousands, ord("."): decimal}
    texts = [
        f"{value:,.3f}".translate(table) if thousands else f"{value:.3f}".replace(".", decimal) for value in values
    ]
    path.write_text("x;label\n" + "".join(f"{text};{'ab'[i % 2]}\n" for i, text in enumerate(texts)))
    data = {"decimal": decimal, "thousands": thousands, "scaling": "none", "validation_fraction": 0}
    _, shards = load_dataset(job(path, data={name: value for name, value in data.items() if value is not None}))
    theirs = np.array([float(f"{value:.3f}") for value in values])
    ours = np.concatenate([shard.X[:, 0] for shard in shards])
    if len(set(theirs)) > 1:
        np.testing.assert_array_equal(np.sort(ours), np.sort(theirs.astype(np.float32)))


@pytest.mark.parametrize("date_format", ["%d.%m.%Y", "%m/%d/%Y", "%Y%m%d", "%d %b %Y", "%d.%m.%Y %H:%M", "%d%m%Y"])
def test_dates_may_have_a_format(csv, job, date_format):
    days = [datetime(1999, 12, 25) + timedelta(days=37 * i) for i in range(24)]
    lines = [("day", "label"), *((day.strftime(date_format), "ab"[i % 2]) for i, day in enumerate(days))]
    data = {"date_format": date_format, "scaling": "none", "kinds": {"day": "date"}, "validation_fraction": 0}
    spec = job(csv(lines), data=data)
    model, header = untrained(spec)
    assert model.summary.encoders[0].kind == "date"
    expected = np.array(days, "datetime64[D]").astype(np.float32)
    found = np.concatenate([shard.X[:, 0] for shard in load_dataset(spec)[1]])
    np.testing.assert_array_equal(np.sort(found), expected)
    path = csv([("day",), *((day.strftime(date_format),) for day in days)], "rows.csv")
    np.testing.assert_array_equal(model.inputs(rows_to_predict(path, header))[:, 0], expected)
    np.testing.assert_array_equal(model.inputs(pa.table({"day": days}))[:, 0], expected)


def test_missing_values_are_the_words_that_the_job_names(csv, job):
    lines = [("x", "c", "label"), *((("-", "NA", "a") if i % 4 == 0 else (i, "u", "b")) for i in range(20))]
    for name, write in (("rows.csv", csv), ("rows.jsonl", None)):
        if write:
            source = csv(lines)
        else:
            rows = [dict(zip(lines[0], map(str, row), strict=True)) for row in lines[1:]]
            source = csv("".join(json.dumps(row) + "\n" for row in rows), name)
        data = {"missing_values": ["-"], "missing": "mean", "kinds": {"x": "number"}}
        summary, _ = load_dataset(job(source, data=data))
        assert summary.encoders[0].indicator
        assert summary.encoders[1].levels == ("NA", "u")
    assert "'-', not a number" in refusal(job(csv(lines), data={"missing": "mean"}))


def test_an_empty_list_of_words_leaves_the_empty_value(csv, job):
    lines = [("c", "label"), *(((("NA", "", "null")[i % 3]), "ab"[i % 2]) for i in range(24))]
    data = {"missing_values": [], "kinds": {"c": "category"}}
    model, header = untrained(job(csv(lines), data=data))
    assert model.summary.encoders[0].levels == ("NA", "null")
    path = csv('c\nNA\n""\nnull\n', "rows.csv")
    np.testing.assert_array_equal(model.inputs(rows_to_predict(path, header)), [[1, 0, 0], [0, 0, 1], [0, 1, 0]])


def test_a_quoted_word_is_a_word(csv, job):
    text = "c,label\n" + 'NA,a\n"NA",b\n"null",a\n?,b\nx,a\n' * 5
    model, header = untrained(job(csv(text), data={"kinds": {"c": "category"}}))
    assert model.summary.encoders[0].levels == ("NA", "null", "x")
    path = csv('c\nNA\n"NA"\n"null"\n?\nx\n', "rows.csv")
    places = model.inputs(rows_to_predict(path, header)).argmax(axis=1)
    assert places.tolist() == [3, 0, 1, 3, 2]


labels = st.lists(st.sampled_from(["a", "b", "", "NA"]), min_size=16, max_size=40).filter(
    lambda found: found.count("a") >= 5 and found.count("b") >= 5
)


@settings(max_examples=30)
@given(labels, st.booleans(), st.sampled_from(["cross_entropy", "mse"]))
def test_dropping_rows_without_a_label_is_training_without_these_rows(job, tmp_path_factory, found, by_weight, loss):
    """Also for rows of weight 0. Both are dealt as the rest alone would be."""
    folder = tmp_path_factory.mktemp("dropped")
    gone = [label in ("", "NA") for label in found]
    named = [{"a": "1.5", "b": "-2"}.get(label, label) if loss == "mse" else label for label in found]
    if by_weight:
        named = [named[gone.index(False)] if away else label for label, away in zip(named, gone, strict=True)]
    weights = [0 if away and by_weight else 2 for away in gone]
    lines = [
        f"{i * i % 13},{'uvw'[i % 3]},{weight},{label}\n"
        for i, (label, weight) in enumerate(zip(named, weights, strict=True))
    ]
    data = {"missing_label": "drop", "weight": "w"}
    (folder / "all.csv").write_text("x,c,w,label\n" + "".join(lines))
    kept = [line for line, away in zip(lines, gone, strict=True) if not away]
    (folder / "kept.csv").write_text("x,c,w,label\n" + "".join(kept))
    (summary, bits), (expected, same) = (
        loaded(job(folder / name, loss=loss, data=data)) for name in ("all.csv", "kept.csv")
    )
    assert bits == same
    assert summary.encoders == expected.encoders
    assert summary.scaling == expected.scaling
    dropped = [warning for warning in summary.warnings if "no value of the label" in warning]
    assert bool(dropped) == (any(gone) and not by_weight)
    if dropped:
        assert dropped[0].startswith(f"{sum(gone)} of {len(found)} rows ")


def test_the_split_without_unlabelled_rows_is_stratified(csv, job):
    lines = [("x", "label"), *((i, ("a", "b", "b", "b", "")[i % 5]) for i in range(100))]
    data = {"missing_label": "drop", "validation_fraction": 0.25}
    summary, shards = load_dataset(job(csv(lines), data=data))
    held = np.concatenate([shard.validation_Y for shard in shards])
    assert np.bincount(held).tolist() == [5, 15]
    assert sum(summary.rows_of_shards) == 60


def test_rows_that_do_not_count_change_no_scaling_and_no_class(csv, job):
    lines = [("x", "w", "label"), *((i, 1, "ab"[i % 2]) for i in range(20))]
    bad = [*lines, (7, 0, "a"), (1e9, 0, "b"), (3, 0, "c"), (4, 0, "c")]
    good = loaded(job(csv(lines), data={"weight": "w"}))
    assert loaded(job(csv(bad, "bad.csv"), data={"weight": "w"}))[1] == good[1]
    bad = [*lines, (1e9, 1, ""), (-5, 1, "")]
    assert loaded(job(csv(bad, "bad.csv"), data={"weight": "w", "missing_label": "drop"}))[1] == good[1]


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_a_partitioned_folder_is_what_pyarrow_reads(job, tmp_path, format):
    table = pa.table(
        {
            "x": [float(i) for i in range(40)],
            "year": [2019 + i % 3 for i in range(40)],
            "city": [(None, "Bern", "a/b=c")[i % 3] for i in range(40)],
            "label": ["ab"[i % 2] for i in range(40)],
        }
    )
    scheme = dataset.partitioning(pa.schema([("year", pa.int64()), ("city", pa.string())]), flavor="hive")
    dataset.write_dataset(table, tmp_path / "parts", format=format, partitioning=scheme)
    theirs = dataset.dataset(tmp_path / "parts", format=format, partitioning=scheme).to_table().sort_by("x")
    spec = job(tmp_path / "parts", data={"scaling": "none", "validation_fraction": 0})
    model, header = untrained(spec)
    assert set(model.summary.columns) == {"x", "year", "city"}
    X = model.inputs(rows_to_predict(tmp_path / "parts", header))
    features = list(model.summary.preprocessing.features)
    X = X[np.argsort(X[:, features.index("x")])]
    np.testing.assert_array_equal(X[:, features.index("year")], theirs["year"].to_numpy())
    for level in ("Bern", "a/b=c"):
        np.testing.assert_array_equal(
            X[:, features.index(f"city={level}")], np.array(theirs["city"].to_pylist()) == level
        )
    np.testing.assert_array_equal(
        X[:, features.index("city=(other)")], [each is None for each in theirs["city"].to_pylist()]
    )


def test_an_empty_file_of_a_folder_is_left_out_with_a_warning(csv, job, tmp_path):
    (tmp_path / "parts").mkdir()
    for name, text in (("0.csv", ""), ("1.csv", content(ROWS[:12])), ("2.csv", ""), ("3.csv", content(ROWS[12:]))):
        csv(text, f"parts/{name}")
    summary, bits = loaded(job(tmp_path / "parts"))
    assert bits == loaded(job(csv(content())))[1]
    assert [warning.rpartition("/")[2] for warning in summary.warnings] == [
        "0.csv is empty and is left out",
        "2.csv is empty and is left out",
    ]


def test_files_of_a_folder_may_have_their_own_byte_order_marks(csv, job, tmp_path):
    (tmp_path / "parts").mkdir()
    for number, encoding in enumerate(("utf-8", "utf-16", "utf-8-sig")):
        csv(content(ROWS[8 * number : 8 * number + 8]).encode(encoding), f"parts/{number}.csv")
    assert loaded(job(tmp_path / "parts"))[1] == loaded(job(csv(content())))[1]


def odd_columns(rows=24):
    """Return columns that cannot be inputs, by name."""
    return {
        "nested": [{"a": [i]} for i in range(rows)],
        "several": [[i, i] for i in range(rows)],
        "huge": [1e300] * rows,
    }


def write_odd(folder, format):
    x, labels = [float(i) for i in range(24)], ["ab"[i % 2] for i in range(24)]
    path = folder / f"odd.{format}"
    if format == "csv":
        lines = [f"{x[i]},1e300,{{'a': 1}},u,v,inf,{labels[i]}" for i in range(24)]
        path.write_text("\n".join(["x,huge,nested,twice,twice,endless,label", *lines]) + "\n")
    elif format == "jsonl":
        odd = [{"nested": {"a": [i]}, "several": [i], "huge": 1e300, "mixed": (i, "u", None)[i % 3]} for i in range(24)]
        rows = [{"x": x[i], **odd[i], "label": labels[i]} for i in range(24)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif format == "npz":
        arrays = {"complex": np.ones(24, complex), "objects": np.array([{}] * 24), "huge": np.full(24, 1e300)}
        np.savez(path, x=x, label=labels, void=np.zeros(24, "V3"), **arrays)
    else:
        arrays = [pa.array(values) for values in odd_columns().values()]
        names = ["x", *odd_columns(), "bytes", "twice", "twice", "label"]
        twice = pa.array(["u"] * 24)
        table = pa.Table.from_arrays(
            [pa.array(x), *arrays, pa.array([b"\xff"] * 24), twice, twice, pa.array(labels)], names
        )
        parquet.write_table(table, path) if format == "parquet" else feather.write_feather(table, str(path))
    return path


IGNORED = {
    "csv": ["huge", "nested", "twice", "endless"],
    "jsonl": ["nested", "several", "huge", "mixed"],
    "npz": ["complex", "objects", "void", "huge"],
    "parquet": [*odd_columns(), "bytes", "twice"],
    "arrow": [*odd_columns(), "bytes", "twice"],
}


@pytest.mark.parametrize("way", ["ignore", "columns"])
@pytest.mark.parametrize("format", sorted(IGNORED))
def test_columns_that_are_not_read_fail_nothing(csv, job, tmp_path, format, way):
    expected = loaded(job(csv([("x", "label"), *((float(i), "ab"[i % 2]) for i in range(24))])))[1]
    path = write_odd(tmp_path, format)
    data = {"ignore": IGNORED[format]} if way == "ignore" else {"columns": ["x"]}
    spec = job(path, data=data)
    assert loaded(spec)[1] == expected
    model, header = untrained(spec)
    assert model.inputs(rows_to_predict(path, header)).shape == (24, 1)


@pytest.mark.parametrize("format", sorted(IGNORED))
def test_columns_that_cannot_be_read_are_refused_in_a_sentence(job, tmp_path, format):
    said = refusal(job(write_odd(tmp_path, format)))
    assert "odd." in said
    assert "\n" not in said


@pytest.mark.parametrize(
    "text",
    [
        content().replace("\n", ",\n"),
        content().replace("label\n", "label,\n", 1),
        "\n".join([content().splitlines()[0], *(f"{line}," for line in content().splitlines()[1:])]) + "\n",
        "sep=;\n" + content(delimiter=";"),
        '"sep=;"\r\n' + content(delimiter=";").replace("\n", "\r\n"),
        content(header=(" x", "city ", '" label "')),
        content().replace(",", " , "),
        content().replace("\n", "\r\n"),
        "\n\n" + content(),
        content().removesuffix("\n"),
        content().replace(",", "\t"),
        content().replace(",", "|"),
        content().replace("\n", "\n\n"),
    ],
)
def test_texts_that_look_otherwise_are_the_same_rows(csv, job, plain, text):
    source = csv(text, "other.csv")
    summary, bits = loaded(job(source))
    assert summary.columns == ("x", "city")
    assert bits == plain[1]
    model, header = untrained(job(source))
    assert model.inputs(rows_to_predict(source, header)).shape[0] == len(ROWS)


def test_columns_without_names_are_found_by_their_place(csv, job):
    rows = [(i, i * i, "ab"[i % 2]) for i in range(20)]
    model, header = untrained(job(csv(rows), label="f2", data={"header": False}))
    whole, without = csv(rows, "whole.csv"), csv([row[:2] for row in rows], "without.csv")
    np.testing.assert_array_equal(
        model.inputs(rows_to_predict(whole, header)), model.inputs(rows_to_predict(without, header))
    )
    for wrong in ([row[:1] for row in rows], [(*row, 1) for row in rows]):
        with pytest.raises(InvalidData, match="but the model was trained on 3, or 2 without the label"):
            rows_to_predict(csv(wrong, "wrong.csv"), header)


def test_a_label_in_front_leaves_the_places_of_the_others(csv, job):
    rows = [("ab"[i % 2], i, i * i) for i in range(20)]
    _, header = untrained(job(csv(rows), label="f0", data={"header": False}))
    with pytest.raises(InvalidData, match="has 2 columns, but the model was trained on 3"):
        rows_to_predict(csv([row[1:] for row in rows], "without.csv"), header)


@pytest.mark.parametrize("indent", [None, 2])
def test_an_array_of_json_is_its_rows(csv, job, plain, indent):
    rows = [dict(zip(("x", "city", "label"), row, strict=True)) for row in ROWS]
    for ascii_only in (True, False):
        text = json.dumps(rows, indent=indent, ensure_ascii=ascii_only)
        assert loaded(job(csv(text, "rows.json")))[1] == plain[1]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    assert loaded(job(csv(lines, "lines.json")))[1] == plain[1]


def test_json_columns_of_words_and_numbers_do_not_depend_on_the_blocks(csv, job, monkeypatch):
    rows = [{"c": (7, "u", "v", 7)[i * 4 // 40], "x": i, "label": "ab"[i % 2]} for i in range(40)]
    source = csv("".join(json.dumps(row) + "\n" for row in rows), "rows.jsonl")
    found = []
    for size in (1 << 20, 300):
        monkeypatch.setattr("chainrule.data.records.CHUNK_BYTES", size)
        try:
            found.append(loaded(job(source))[1])
        except ChainruleError as error:
            found.append(str(error))
    assert found[0] == found[1]


def test_an_npz_has_its_own_rows_for_validation(csv, job, tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((30, 3)), rng.integers(0, 2, (30, 1))
    path = tmp_path / "rows.npz"
    np.savez(path, x_train=x[:20], y_train=y[:20], x_test=x[20:], y_test=y[20:])
    summary, shards = load_dataset(job(path, label="y", data={"validation": str(path), "scaling": "none"}))
    assert summary.columns == ("x0", "x1", "x2")
    assert summary.validation_rows == 10
    held = np.concatenate([shard.validation_X for shard in shards])
    np.testing.assert_array_equal(held, x[20:].astype(np.float32))
    np.testing.assert_array_equal(np.concatenate([shard.validation_Y for shard in shards]), y[20:, 0])
    trained = np.concatenate([shard.X for shard in shards])
    np.testing.assert_array_equal(np.sort(trained[:, 0]), np.sort(x[:20, 0].astype(np.float32)))
    summary, shards = load_dataset(job(path, label="y", data={"scaling": "none"}))
    assert sum(summary.rows_of_shards) + summary.validation_rows == 20


@pytest.mark.parametrize("names", [("val",), ("validation",), ("valid",)])
def test_an_npz_may_call_its_rows_for_validation_otherwise(job, tmp_path, names):
    x, path = np.arange(40.0).reshape(20, 2), tmp_path / "rows.npz"
    parts = {f"x_{names[0]}": x[:6], f"y_{names[0]}": np.arange(6) % 2}
    np.savez(path, x_train=x, y_train=np.arange(20) % 2, **parts)
    summary, _ = load_dataset(job(path, label="y", data={"validation": str(path)}))
    assert (sum(summary.rows_of_shards), summary.validation_rows) == (20, 6)


@pytest.mark.parametrize("unit", ["D", "h", "s", "ms", "us", "ns", "M", "Y"])
def test_dates_of_numpy_are_days(job, tmp_path, unit):
    days = np.arange("1990", "2014", dtype="datetime64[Y]").astype(f"datetime64[{unit}]")
    np.savez(tmp_path / "rows.npz", day=days, label=np.arange(24) % 2)
    spec = job(tmp_path / "rows.npz", data={"scaling": "none", "validation_fraction": 0})
    _, shards = load_dataset(spec)
    found = np.sort(np.concatenate([shard.X[:, 0] for shard in shards]))
    np.testing.assert_array_equal(found, days.astype("datetime64[D]").astype(np.float32))


def test_long_doubles_are_numbers(job, tmp_path):
    x = np.arange(24, dtype=np.longdouble) / 7
    np.savez(tmp_path / "rows.npz", x=x, label=np.arange(24) % 2)
    _, shards = load_dataset(job(tmp_path / "rows.npz", data={"scaling": "none", "validation_fraction": 0}))
    found = np.sort(np.concatenate([shard.X[:, 0] for shard in shards]))
    np.testing.assert_array_equal(found, x.astype(np.float32))


def zipped(text):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("rows.csv", text)
    return buffer.getvalue()


def workbook():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return buffer.getvalue()


def first_feather():
    return b"FEA1\0\0\0\0" + bytes(64) + b"FEA1"


@pytest.mark.parametrize(
    ("name", "made", "said"),
    [
        ("rows.csv", lambda text: gzip.compress(text), "its name must end in .gz"),
        ("rows.csv", zipped, "unpack it first"),
        ("rows.csv", bz2.compress, "unpack it first"),
        ("rows.csv", lambda _: workbook(), "save the sheet as CSV"),
        ("rows.xlsx", lambda _: workbook(), "save the sheet as CSV"),
        ("rows.feather", lambda _: first_feather(), "Feather version 1"),
        ("rows.parquet", lambda text: text, "Parquet"),
        ("rows.csv.gz", lambda text: text, "not gzip-compressed"),
        ("rows.jsonl", zipped, "unpack it first"),
        ("rows.json", lambda text: gzip.compress(text), "its name must end in .gz"),
    ],
)
def test_a_file_of_another_kind_than_its_name_says_is_refused_in_a_sentence(csv, job, name, made, said):
    source = csv(made(content().encode()), name)
    found = refusal(job(source))
    assert found.startswith(source)
    assert said in found
    assert "\n" not in found
    _, header = untrained(job(csv(content(), "good.csv")))
    with pytest.raises(InvalidData, match=said):
        rows_to_predict(source, header)
