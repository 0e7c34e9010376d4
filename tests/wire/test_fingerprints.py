import numpy as np
import pytest

from chainrule.nn import Parameters
from chainrule.wire.fingerprints import differing_layers, fingerprint

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
