"""Costs as a test sets them."""

from dataclasses import replace

from hypothesis import strategies as st

from chainrule.nn import Network
from chainrule.server.costs import Costs, Talk
from chainrule.server.counts import Counts

COSTS = Costs(
    cores=2,
    memory=40e9,
    alone=(0.010, 0.010),
    crowded=(0.010, 0.012, 0.011, 0.015),
    crowd=2,
    sharing=1.1,
    ready=(0.5, 1.0),
    validate=1e-5,
    add=1e-4,
    fingerprint=5e-5,
    apply_one=4e-4,
    apply_two=6e-4,
    copy=2e-10,
    stream=3e-10,
    local=Talk(2e-4, 1e-4, 5e-5),
    tcp=Talk(3e-4, 2e-4, 6e-5),
    process=60e6,
)
"""Of a network of two layers."""
NETWORK = Network((784, 512, 10), ("relu", "softmax"), "cross_entropy")


def counts(shards=4, rows=256, **changes):
    return replace(Counts(NETWORK, shards, rows), **changes)


def seconds(low=1e-6, high=1e-2):
    return st.floats(low, high)


def samples():
    return st.lists(seconds(1e-4, 1e-1), min_size=1, max_size=9).map(tuple)


def talks():
    return st.tuples(seconds(), st.floats(0, 1), seconds()).map(lambda t: Talk(t[0], t[0] * t[1], t[2]))


def costs():
    """Any costs that a machine may have."""
    return st.builds(
        Costs,
        cores=st.integers(1, 8),
        memory=st.floats(1e9, 1e11),
        alone=samples(),
        crowded=samples(),
        crowd=st.integers(1, 8),
        sharing=st.floats(1, 2),
        ready=st.floats(0, 1).map(lambda share: (share, 1.0)),
        **dict.fromkeys(("validate", "add", "fingerprint", "apply_one", "apply_two"), seconds()),
        **dict.fromkeys(("copy", "stream"), st.floats(1e-11, 1e-8)),
        local=talks(),
        tcp=talks(),
        process=st.just(6e7),
    )
