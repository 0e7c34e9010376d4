import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.data.distinct import Distinct, K
from chainrule.data.tables import tidy, whole


def counted(*columns):
    distinct = Distinct()
    for column in columns:
        distinct.add(whole(tidy(pa.table({"c": column}))["c"]))
    return distinct.count


@given(st.lists(st.lists(st.one_of(st.none(), st.text("ab", max_size=3)), min_size=1), min_size=1, max_size=4))
def test_few_values_are_counted_exactly_over_all_parts(parts):
    values = {text.strip() for part in parts for text in part if text is not None and text.strip()}
    assert counted(*(pa.array(part, pa.string()) for part in parts)) == len(values)


@pytest.mark.parametrize("kind", ["int64", "float64", "string"])
@pytest.mark.parametrize("different", [K - 1, 20_000, 200_000])
def test_many_values_are_estimated_within_four_standard_errors(kind, different):
    values = np.random.default_rng(0).permutation(np.arange(different).repeat(2))
    parts = np.array_split(values, 7)
    count = counted(*(pa.array(map(str, part) if kind == "string" else part.astype(kind)) for part in parts))
    assert count == pytest.approx(different, rel=4 / np.sqrt(K) if different >= K else 0)
