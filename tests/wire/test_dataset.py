from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from chainrule.v1 import training_pb2
from chainrule.wire.dataset import Dataset, told

moments = st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC))
texts = st.text(st.characters(codec="utf-8"))


@given(st.builds(Dataset, texts, texts, st.integers(0, 2**63), texts, moments))
def test_a_data_set_survives_the_trip(dataset):
    message = training_pb2.Dataset.FromString(dataset.message().SerializeToString())
    assert Dataset.from_message(message) == dataset


def test_sentences_have_the_names_that_users_know():
    assert told("/d/5eed/data.csv: row 2", {"/d/5eed/data.csv": "dataset://rows"}) == "dataset://rows: row 2"
    assert told("a.csv: row 2", {"": ""}) == "a.csv: row 2"
