import numpy as np
import pytest

from chainrule.nn import Parameters
from chainrule.parameter_server import fingerprints
from chainrule.parameter_server.fingerprints import Fingerprints, differing_layers, digest, fingerprint
from chainrule.wire.partials import Partial, Sums

SIZES = (3, 4, 2)


def parameters(seed=0):
    result = Parameters.empty(SIZES)
    result.flat[...] = np.random.default_rng(seed).standard_normal(result.flat.size)
    return result


@pytest.mark.parametrize("L", [1, 2])
def test_a_bit_of_a_layer_shows_in_its_part_of_the_fingerprint(L):
    ours, theirs = parameters(), parameters()
    assert differing_layers(fingerprint(ours), fingerprint(theirs)) == []
    theirs.B[L].view(np.uint32)[-1] ^= 1
    assert differing_layers(fingerprint(ours), fingerprint(theirs)) == [L]


def test_layers_that_one_side_lacks_differ():
    assert differing_layers(fingerprint(parameters()), b"") == [1, 2]


def test_a_digest_tells_gradients_and_sums_apart_but_not_whole_numbers_from_floats():
    gradient = np.float32([1, -2])
    partials = [
        Partial(gradient, Sums(1.5, 8), Sums()),
        Partial(gradient, Sums(1.5, 8), Sums(0, 0, 1)),
        Partial(gradient, Sums(1.5, 9), Sums()),
        Partial(-gradient, Sums(1.5, 8), Sums()),
    ]
    assert len(set(map(digest, partials))) == len(partials)
    assert digest(partials[0]) == digest(Partial(gradient.copy(), Sums(1.5, 8.0, 0), Sums(0.0)))


@pytest.mark.parametrize("held", [0, 1 << 30])
def test_versions_are_hashed_late_and_before_they_pile_up(monkeypatch, held):
    monkeypatch.setattr(fingerprints, "HELD_BYTES", held)
    waiting = Fingerprints(SIZES)
    for version in range(5):
        waiting.add(version, parameters(version).flat)
    assert len(waiting._waiting) == (5 if held else 1)
    assert waiting.compute() == {version: fingerprint(parameters(version)) for version in range(5)}
