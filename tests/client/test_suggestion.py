import tomllib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from suggesting import job, text_of, write

from chainrule.data.dataset import load_dataset
from chainrule.wire.errors import InvalidData
from chainrule.wire.validation import parse_spec


@pytest.mark.parametrize("rows", [4, 5, 12, 20, 23, 6000])
@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_a_step_fits_into_the_rows(tmp_path, rows, workers):
    path = write(tmp_path / "a.csv", ("x", "y"), [(i * i, i / 7) for i in range(rows)])
    spec = job(path, "y", workers=workers)
    assert spec.training.batch_size % spec.shards == 0
    assert spec.cluster.max_workers == min(workers, spec.shards)
    assert (spec.data.validation_fraction > 0) == (rows >= 45)


def test_early_stopping_waits_for_steps_and_only_where_there_are_many_rows(tmp_path):
    path = write(tmp_path / "a.csv", ("x", "y"), [(i * i, i / 7) for i in range(6000)])
    assert job(path, "y").early_stopping.patience_steps == 1500
    assert job(write(tmp_path / "a.csv", ("x", "y"), [(i * i, i / 7) for i in range(99)]), "y").early_stopping is None


@pytest.mark.parametrize("label", ['a "quoted" \\ name', "tab\there", "\U000e0001 tag", "ü # x"])
def test_odd_names_are_written_so_that_they_come_back(tmp_path, label):
    path = tmp_path / "odd.csv"
    path.write_text('x,"' + label.replace('"', '""') + '"\n' + "".join(f"{i},{i / 7}\n" for i in range(40)))
    assert job(path, label).data.label == label


NUMBERS = st.one_of(st.integers(-3, 3), st.integers(), st.floats(width=32), st.floats(allow_nan=False))
CELLS = {
    "number": NUMBERS.map(str),
    "small": st.integers(0, 3).map(str),
    "word": st.sampled_from(["a", "b", "c", "Ü", "nan", "NA", "?", ""]),
    "name": st.text(st.characters(codec="utf-8", exclude_characters='"\r\n\0'), max_size=4),
    "mark": st.sampled_from(["1,5", "36,815", "2.5", "$3", "$4,500", "5%", "7", "1.234,5"]),
    "date": st.sampled_from(["2024-01-01", "01.02.2024", "12:30", "true", "false", "1", ""]),
    "any": st.one_of(NUMBERS.map(str), st.sampled_from(["a", "inf", "1e39", "-nan", "true", "2024-02-30", "3+"])),
}


@st.composite
def tables(draw):
    rows = draw(st.integers(2, 30))
    names = draw(
        st.lists(st.sampled_from(["x", "id", "y", "ä b", "Unnamed: 9", "z"]), min_size=2, max_size=5, unique=True)
    )
    column = st.sampled_from(sorted(CELLS)).flatmap(lambda kind: st.lists(CELLS[kind], min_size=rows, max_size=rows))
    columns = [draw(column) for _ in names]
    return names, list(zip(*columns, strict=True)), draw(st.sampled_from(names))


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables(), st.integers(1, 5))
def test_what_is_suggested_can_be_submitted_or_a_sentence_says_why_not(tmp_path_factory, table, workers):
    names, rows, label = table
    path = tmp_path_factory.mktemp("tables") / "a.csv"
    quoted = [",".join(f'"{cell}"' if "," in cell else cell for cell in row) for row in [names, *rows]]
    path.write_text("\n".join(quoted) + "\n", encoding="utf-8")
    suggested, sentence = "", ""
    try:
        suggested = text_of(path, label, workers=workers, header=True)
    except InvalidData as error:
        sentence = str(error)
    assert len(sentence.splitlines()) == (0 if suggested else 1)
    if suggested:
        load_dataset(parse_spec(tomllib.loads(suggested)))
