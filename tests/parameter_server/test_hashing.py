import threading
from dataclasses import replace

import pytest

from chainrule.data.shard_tree import Node
from chainrule.data.work import Work
from chainrule.parameter_server import hashing as hashing_module
from chainrule.parameter_server.coordinator import Coordinator
from chainrule.wire.fingerprints import fingerprint


@pytest.mark.parametrize("aside", [0, 1 << 20])
def test_each_version_is_hashed_before_a_step_changes_it(toy, monkeypatch, aside):
    monkeypatch.setattr(hashing_module, "ASIDE_BYTES", aside)
    state = toy.new_state(shards=1, steps=40, validates=False)
    state.plan = replace(state.plan, hash_every=2)
    coordinator, expected = Coordinator(state), {}
    hashing = threading.Thread(target=coordinator.hash_weights)
    hashing.start()
    worker = coordinator.join("w")
    while (message := toy.next_message(coordinator, worker)) is not None:
        if isinstance(message, Work):
            expected[message.version] = fingerprint(state.parameters)
            partial = toy.partial_of(state.parameters.flat, message, Node(0, 1))
            coordinator.push(worker, 1, message.version, Node(0, 1), partial)
    hashing.join(30)
    assert coordinator.next_report().fingerprints == {version: expected[version] for version in range(0, 40, 2)}
