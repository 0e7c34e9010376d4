import numpy as np
import pytest

from chainrule.nn import Network
from chainrule.wire.layers import LayerActivity
from chainrule.worker.activity import ROWS, SECONDS, Activity

NETWORK = Network((4, 2, 2, 3, 2, 2), ("relu", "tanh", "relu", "gelu", "softmax"), "cross_entropy")


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def show(activity, rows, **layers):
    """Show a mini-batch of so many equal rows, where one is asked for; return whether it was."""
    see = activity.look(rows)
    if see:
        for L in range(1, NETWORK.layers):
            see(L, np.tile(np.float32(layers.get(f"L{L}", np.zeros(NETWORK.sizes[L]))), (rows, 1)))
    return see is not None


def test_shares_are_told_of_hidden_layers_that_know_such_a_thing(clock):
    activity = Activity(NETWORK, clock)
    assert show(activity, ROWS, L1=[0, 1], L2=[0.99, 0.5], L3=[0, 0, 2])
    assert activity.layers == ()
    assert not show(activity, ROWS)
    assert activity.layers == (
        LayerActivity(1, dead_ratio=0.5),
        LayerActivity(3, dead_ratio=pytest.approx(2 / 3)),
        LayerActivity(2, saturation=0.5),
    )


def test_a_look_takes_as_many_small_batches_as_make_enough_rows(clock):
    activity = Activity(NETWORK, clock)
    for neuron in (0, 1):
        for _ in range(ROWS // 64 // 2):
            assert show(activity, 64, L1=np.eye(2)[neuron])
    assert not show(activity, 64)
    assert activity.layers[0] == LayerActivity(1, dead_ratio=0.0)  # each has lived for half of the batches


def test_there_is_one_look_a_second(clock):
    activity = Activity(NETWORK, clock)
    looks = 0
    for _ in range(1000):
        looks += show(activity, ROWS)
        clock.now += SECONDS / 100
    assert 9 <= looks <= 11


def test_a_look_forgets_the_one_before(clock):
    activity = Activity(NETWORK, clock)
    for alive in ([1, 1], [0, 0]):
        show(activity, ROWS, L1=alive)
        show(activity, ROWS)
        clock.now += SECONDS
    assert activity.layers[0] == LayerActivity(1, dead_ratio=1.0)


def test_a_network_without_such_layers_is_never_looked_at(clock):
    assert Activity(Network((4, 3, 2), ("gelu", "softmax"), "cross_entropy"), clock).look(ROWS) is None
