import tempfile
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from chainrule.data.shard_tree import Node
from chainrule.parameter_server.arenas import Arenas
from chainrule.parameter_server.stretches import Ongoing
from chainrule.wire import shared_memory
from chainrule.wire.arena import Arena, Layout

SHARES = {1: (Node(0, 1),), 2: (Node(1, 2),)}


def stretch(number, given_up=0, shares=SHARES):
    return Ongoing(number, given_up, 0, 4, shares, 1.0, 0.0)


@pytest.fixture
def arenas():
    return Arenas(5, ("velocity",))


def test_what_a_worker_writes_is_read(arenas):
    arena = arenas.of(stretch(1))
    theirs = Arena(shared_memory.view(arena.descriptor, writable=True), Layout(5, ("velocity",), 2, 2))
    theirs.state.theta[:] = 3
    theirs.state.slots["velocity"][:] = 4
    state = arena.state()
    assert (state.theta.tolist(), state.slots["velocity"].tolist()) == ([3.0] * 5, [4.0] * 5)
    with pytest.raises(ValueError, match="read-only"):
        state.theta[0] = 1


def test_one_that_cannot_be_made_leaves_nothing_behind(arenas, monkeypatch):
    """What was closed is not closed again: its number may be another file's by then."""
    first = arenas.of(stretch(1))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=0))
    with pytest.raises(OSError, match="MB are needed"):
        arenas.of(stretch(2, given_up=1))
    monkeypatch.undo()
    with tempfile.TemporaryFile() as another:
        assert another.fileno() == first.descriptor
        arenas.of(stretch(2, given_up=1))
        another.write(b"still open")


def test_it_is_the_same_as_long_as_stretches_end_well(arenas):
    assert arenas.of(stretch(1)) is arenas.of(stretch(2))


@pytest.mark.parametrize("other", [stretch(2, given_up=1), stretch(2, shares={1: (Node(0, 2),)})])
def test_nobody_writes_into_another_ones(arenas, other):
    first = arenas.of(stretch(1))
    theirs = shared_memory.view(first.descriptor, writable=True)
    second = arenas.of(other)
    theirs[:] = 42
    assert second is not first
    assert not np.any(second.state().theta)
