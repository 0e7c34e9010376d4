import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.v1.parameters_pb2 import LayerActivity as Message
from chainrule.wire.layers import LayerActivity, LayerFigures, finite

SHARES = st.none() | st.floats(0, 1)
NUMBERS = st.none() | st.floats(0, allow_infinity=False)


@given(st.integers(1, 2**31), SHARES, SHARES)
def test_what_a_worker_sees_comes_back(layer, dead, saturated):
    activity = LayerActivity(layer, dead, saturated)
    assert LayerActivity.from_message(Message.FromString(activity.message().SerializeToString())) == activity


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf])
def test_what_is_no_share_is_not_known(value):
    assert LayerActivity.from_message(Message(layer=1, dead_ratio=value, saturation=value)) == LayerActivity(1)


@given(st.builds(LayerFigures, st.integers(1, 100), *[NUMBERS] * 6, st.sampled_from(["", "dead"])))
def test_figures_come_back_from_messages_and_documents(figures):
    assert LayerFigures.from_message(figures.message()) == figures
    assert LayerFigures.from_document(json.loads(json.dumps(figures.document(), allow_nan=False))) == figures


def test_what_is_not_finite_is_not_known():
    assert [finite(value) for value in (1.5, 0.0, math.inf, math.nan)] == [1.5, 0.0, None, None]
