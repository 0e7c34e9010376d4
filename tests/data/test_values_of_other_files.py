"""What training rows have settled holds for validation files, for all files of a folder, and for every type."""

from datetime import date, datetime, time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from chainrule.data.dataset import load_dataset
from chainrule.data.model import Model
from chainrule.nn import initialize
from chainrule.wire.errors import ChainruleError, InvalidData

KINDS = {"flag": "category"}


def rows(flags, start=0):
    """Return CSV rows of a flag, a number and a label."""
    return [(flag, start + i, "ab"[i % 2]) for i, flag in enumerate(flags)]


HEADER = ("flag", "x", "label")
TRAIN = [HEADER, *rows(["TRUE", "FALSE", "maybe", "7"] * 5)]


def refusal(spec):
    with pytest.raises(ChainruleError) as caught:
        load_dataset(spec)
    return str(caught.value)


def one_hot(shard, levels=4):
    return shard.validation_X[:, :levels]


@pytest.mark.parametrize(
    ("flags", "places"),
    [
        (["TRUE"] * 6, [2]),
        (["FALSE"] * 6, [1]),
        (["7"] * 6, [0]),
        (["maybe"] * 6, [3]),
        (["true"] * 6, [4]),
        (["07"] * 6, [4]),
        (["7.0"] * 6, [4]),
        ([""] * 6, [4]),
        (["TRUE", "7", "maybe"] * 2, [2, 0, 3]),
    ],
)
def test_a_validation_file_is_typed_by_the_training_data(csv, job, flags, places):
    held = csv([HEADER, *rows(flags)], "held.csv")
    summary, shards = load_dataset(job(csv(TRAIN), data={"validation": held, "kinds": KINDS}, shards=1))
    assert summary.encoders[0].levels == ("7", "FALSE", "TRUE", "maybe")
    expected = np.zeros((6, 5))
    expected[np.arange(6), np.resize(places, 6)] = 1
    held_other = [4] if 4 in places else []
    for place in {*range(4)} - set(held_other):
        np.testing.assert_array_equal(shards[0].validation_X[:, place], expected[:, place])


def test_a_folder_is_typed_by_all_its_files(csv, job, tmp_path):
    (tmp_path / "parts").mkdir()
    for number, flags in enumerate((["TRUE"] * 6, ["7"] * 6, ["07", "maybe"] * 3)):
        csv([HEADER, *rows(flags, 10 * number)], f"parts/{number}.csv")
    summary, _ = load_dataset(job(tmp_path / "parts", data={"kinds": KINDS, "validation_fraction": 0}))
    assert summary.encoders[0].levels == ("07", "7", "TRUE", "maybe")


@pytest.mark.parametrize("column", ["flag", "x", "label"])
def test_a_validation_file_that_lacks_a_column_is_refused_by_name(csv, job, column):
    place = HEADER.index(column)
    held = csv([[each for i, each in enumerate(row) if i != place] for row in TRAIN], "held.csv")
    source = csv(TRAIN)
    said = refusal(job(source, data={"validation": held, "kinds": KINDS}))
    assert said == f"{held} has no column {column!r}, which {source} has"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("TRUE", "oops", "a"), "row 3, column 'x' is 'oops', not a number"),
        (("TRUE", "", "a"), "row 3, column 'x' has no number (empty, NA or NaN)"),
        (("TRUE", "1e39", "a"), "row 3, column 'x' is 1e+39, which is not a finite float32 number"),
        (("TRUE", "2020-01-05", "a"), "row 3, column 'x' is '2020-01-05', not a number"),
        (("TRUE", 3, "c"), "row 3 has the label c, which no training row has"),
        (("TRUE", 3, ""), "row 3 has no label in column 'label'"),
    ],
)
def test_a_validation_row_is_refused_with_its_own_file(csv, job, row, said):
    held = csv([HEADER, *rows(["TRUE"] * 2), row, *rows(["7"] * 2)], "held.csv")
    assert refusal(job(csv(TRAIN), data={"validation": held, "kinds": KINDS})).startswith(f"{held}: {said}")


@pytest.mark.parametrize("loss", ["mse", "binary_cross_entropy"])
def test_a_validation_label_that_is_no_number_is_refused_with_its_own_file(csv, job, loss):
    source = csv([("x", "label"), *((i, i / 20) for i in range(20))])
    held = csv([("x", "label"), (1, 0.5), (2, "high")], "held.csv")
    said = refusal(job(source, loss=loss, data={"validation": held}))
    assert said.startswith(f"{held}: row 2, column 'label' is 'high', not a number")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("held.csv", lambda text: text.replace(",", ";").encode()),
        ("held.tsv", lambda text: text.replace(",", "\t").encode()),
        ("held.csv", lambda text: text.encode("utf-16")),
        ("held.csv", lambda text: text.encode("utf-8-sig")),
        ("held.csv", lambda text: text.replace("\n", "\r\n").encode()),
    ],
)
def test_a_validation_file_may_have_its_own_delimiter_and_encoding(csv, job, tmp_path, name, content):
    text = "".join(",".join(map(str, row)) + "\n" for row in TRAIN)
    data = {"kinds": KINDS}
    expected = load_dataset(job(csv(text), data=data | {"validation": csv(text, "same.csv")}))[1]
    found = load_dataset(job(csv(text), data=data | {"validation": csv(content(text), name)}))[1]
    assert [shard.sha256 for shard in found] == [shard.sha256 for shard in expected]


BAD_NUMBERS = [
    "2020-01-05",
    "12:30",
    "TRUE",
    "false",
    "1_2",
    "infinity",
    "-Infinity",
    "0x1F",
    "1,5",
    "5%",
    "ten",
    "1 2",
]


def number_job(job, source, **data):
    return job(source, data={"kinds": {"x": "number"}} | data)


@pytest.mark.parametrize("bad", BAD_NUMBERS)
@pytest.mark.parametrize("name", ["rows.tsv", "rows.jsonl"])
def test_a_number_column_refuses_other_texts_with_row_and_column(csv, job, bad, name):
    values = [str(i) for i in range(8)]
    values[5] = bad
    if name == "rows.tsv":
        source = csv("x\tlabel\n" + "".join(f"{value}\t{'ab'[i % 2]}\n" for i, value in enumerate(values)), name)
    else:
        source = csv("".join(f'{{"x": "{value}", "label": "{"ab"[i % 2]}"}}\n' for i, value in enumerate(values)), name)
    assert refusal(number_job(job, source)).startswith(f"{source}: row 6, column 'x' is ")


@pytest.mark.parametrize("bad", BAD_NUMBERS)
def test_a_model_refuses_other_texts_in_a_number_column(csv, job, bad):
    model = model_of(job(csv([("x", "label"), *((i, "ab"[i % 2]) for i in range(10))])))
    with pytest.raises(InvalidData, match="the table: row 2, column 'x' is "):
        model.predict(pa.table({"x": ["1", bad]}))


def model_of(spec):
    summary, _ = load_dataset(spec)
    return Model(spec, summary, initialize(summary.network(spec), 0), 1)


TYPES = [
    pa.array([None, True]),
    pa.array([None, date(2020, 1, 5)]),
    pa.array([None, datetime(2020, 1, 5)], pa.timestamp("ns")),
    pa.array([None, time(12, 30)], pa.time32("s")),
    pa.array([None, 5], pa.duration("s")),
    pa.array([None, [1.0]]),
    pa.array([None, b"5"]),
]


@pytest.mark.parametrize("typed", TYPES, ids=lambda typed: str(typed.type))
def test_columns_of_other_types_are_no_numbers(csv, job, tmp_path, typed):
    model = model_of(
        job(csv([("x", "label"), *((i % 3 or "", "ab"[i % 2]) for i in range(10))]), data={"missing": "mean"})
    )
    with pytest.raises(InvalidData, match=r"the table: row 2, column 'x' is .*, not a number"):
        model.predict(pa.table({"x": typed}))
    parquet.write_table(
        pa.table({"x": typed.take(pa.array([0, 1] * 5)), "label": ["a", "b"] * 5}), tmp_path / "r.parquet"
    )
    said = refusal(number_job(job, tmp_path / "r.parquet", missing="mean"))
    assert "column 'x'" in said
    assert "not" in said


@pytest.mark.parametrize("typed", [*TYPES[-2:], pa.array([None, {"a": 1}])], ids=lambda typed: str(typed.type))
def test_columns_of_other_types_are_no_words(csv, job, typed):
    for most in (10, 1):
        data = {"most_categories": most}
        model = model_of(job(csv([("c", "label"), *(("uv"[i % 2], "ab"[i % 2]) for i in range(10))]), data=data))
        with pytest.raises(InvalidData, match="column 'c' is of type"):
            model.predict(pa.table({"c": typed}))
        assert model.inputs(pa.table({"c": pa.nulls(2)})).shape[0] == 2


@pytest.mark.parametrize("bad", ["20200105", "5.0", "12:30", "true", "2020-02-30", "05.01.2020", "2020-1-5"])
def test_a_date_column_refuses_what_is_no_date(csv, job, bad):
    lines = [("day", "label"), *((f"2020-01-{i + 1:02}", "ab"[i % 2]) for i in range(10))]
    model = model_of(job(csv(lines)))
    assert model.summary.encoders[0].kind == "date"
    with pytest.raises(InvalidData, match=f"row 2, column 'day' is '{bad}', not a date as 2030-12-31"):
        model.predict(pa.table({"day": ["2020-01-05", bad]}))
    source = csv([*lines[:4], (bad, "a"), *lines[4:]], "bad.csv")
    assert refusal(job(source)).startswith(f"{source}: row 4, column 'day' is ")


def test_a_date_column_refuses_numbers(csv, job):
    model = model_of(job(csv([("day", "label"), *((f"2020-01-{i + 1:02}", "ab"[i % 2]) for i in range(10))])))
    for typed in (pa.array([20200105]), pa.array([5.0]), pa.array([True]), pa.array([time(12)])):
        with pytest.raises(InvalidData, match=r"row 1, column 'day' is .*, not a date as 2030-12-31"):
            model.predict(pa.table({"day": typed}))


def test_a_boolean_column_takes_any_case_and_bits(csv, job):
    model = model_of(job(csv([("wet", "label"), *(("true" if i % 3 else "FALSE", "ab"[i % 2]) for i in range(12))])))
    assert model.summary.encoders[0].kind == "boolean"
    ones, zeros = model.inputs(pa.table({"wet": [True, False]}))
    for typed in (["TRUE", "true", "True", "1", "1.0"], [True], [1], [1.0]):
        np.testing.assert_array_equal(model.inputs(pa.table({"wet": typed})), np.tile(ones, (len(typed), 1)))
    for typed in (["FALSE", "false", "0"], [False], [0], [0.0]):
        np.testing.assert_array_equal(model.inputs(pa.table({"wet": typed})), np.tile(zeros, (len(typed), 1)))
    for typed in (["true", "2"], [1, 2], [1.0, 0.5], ["true", "yes"], ["true", "maybe"]):
        with pytest.raises(InvalidData, match=r"row 2, column 'wet' is .*, not true or false"):
            model.predict(pa.table({"wet": typed}))


@pytest.mark.parametrize(
    "words",
    [
        ("true", "TRUE", "yes"),
        ("01", "1", "001"),
        ("0.0", "1.0"),
        ("0", "1"),
        ("+1", "1", "-1"),
        ("1e3", "1000"),
        ("2020-01-05", "2020-01-06"),
        ("12:30", "9:05"),
        ("12345678901234567890", "12345678901234567891"),
        ("Ja", "Nein"),
        ("0", "00", "false"),
    ],
)
@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_labels_come_back_as_the_words_of_the_file(csv, job, words, name):
    found = [words[i % len(words)] for i in range(24)]
    if name == "rows.csv":
        source = csv([("x", "label"), *enumerate(found)], name)
    else:
        source = csv("".join(f'{{"x": {i}, "label": "{word}"}}\n' for i, word in enumerate(found)), name)
    summary, shards = load_dataset(job(source, data={"scaling": "none"}))
    assert set(summary.classes) == set(words)
    assert summary.outputs == len(words)
    for shard in shards:
        assert [found[int(x)] for x in shard.X[:, 0]] == [summary.classes[y] for y in shard.Y]


@pytest.mark.parametrize(("pair"), [("true", "false"), ("TRUE", "FALSE"), ("yes", "no"), ("1", "0"), ("1.0", "0.0")])
def test_binary_labels_are_words(csv, job, pair):
    found = [pair[i % 2] for i in range(20)]
    summary, shards = load_dataset(
        job(csv([("x", "label"), *enumerate(found)]), loss="binary_cross_entropy", data={"scaling": "none"})
    )
    assert summary.classes == tuple(sorted(pair))
    assert summary.outputs == 1
    for shard in shards:
        assert [found[int(x)] for x in shard.X[:, 0]] == [summary.classes[int(y)] for y in shard.Y[:, 0]]


def test_binary_labels_that_are_shares_are_numbers(csv, job):
    spec = job(csv([("x", "label"), *((i, (0.25, 0.75)[i % 2]) for i in range(20))]), loss="binary_cross_entropy")
    summary, shards = load_dataset(spec)
    assert summary.classes == ()
    assert {float(y) for shard in shards for y in shard.Y[:, 0]} == {0.25, 0.75}


@pytest.mark.parametrize("words", [("01234", "1234"), ("1_2", "12"), ("1.0", "1"), ("0x1F", "31"), ("1e3", "1000")])
def test_a_category_keeps_the_letters_of_its_words(csv, job, words):
    source = csv([("zip", "label"), *((words[i % 2], "ab"[i % 2]) for i in range(20))])
    summary, _ = load_dataset(job(source, data={"kinds": {"zip": "category"}}))
    assert set(summary.encoders[0].levels) == set(words)


digits = st.text("0123456789", min_size=1, max_size=6)


@settings(max_examples=30)
@given(st.lists(digits, min_size=2, max_size=6, unique=True), st.integers(1, 64))
def test_any_digits_are_levels_and_classes_of_their_own(job, tmp_path_factory, words, chunk):
    path = tmp_path_factory.mktemp("digits") / "rows.csv"
    found = [words[i % len(words)] for i in range(4 * len(words))]
    path.write_text("zip,label\n" + "".join(f"{word},{word}\n" for word in found))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chainrule.data.records.CHUNK_BYTES", chunk)
        summary, shards = load_dataset(job(path, data={"kinds": {"zip": "category"}, "validation_fraction": 0}))
    assert set(summary.encoders[0].levels) == set(summary.classes) == set(words)
    assert list(summary.classes) == sorted(words, key=lambda word: (int(word), word))
    for shard in shards:
        np.testing.assert_array_equal(shard.X[:, : len(words)].argmax(axis=1), shard.Y)


@pytest.mark.parametrize(
    "kind", [pa.timestamp("ns"), pa.timestamp("ns", "Europe/Berlin"), pa.time64("ns"), pa.duration("ns")]
)
def test_nanoseconds_are_words_too(job, tmp_path, kind):
    values = pa.array([1_000_000_001, 2_000_000_999, 1_000_000_001] * 8, kind)
    parquet.write_table(pa.table({"c": values, "label": values}), tmp_path / "r.parquet")
    summary, shards = load_dataset(job(tmp_path / "r.parquet", data={"kinds": {"c": "category"}}))
    assert len(summary.classes) == len(summary.encoders[0].levels) == 2
    for shard in shards:
        np.testing.assert_array_equal(shard.X[:, :2].argmax(axis=1), shard.Y)


@pytest.mark.parametrize("values", [["2020-01-05"], ["12:30"], [date(2020, 1, 5)], [time(12, 30)], [b"1"], [[1]]])
def test_a_weight_is_a_number(job, tmp_path, values):
    table = pa.table({"x": range(8), "w": values * 8, "label": ["a", "b"] * 4})
    parquet.write_table(table, tmp_path / "r.parquet")
    said = refusal(job(tmp_path / "r.parquet", data={"weight": "w"}))
    assert "row 1, column 'w' is " in said
    assert ", not a number" in said
