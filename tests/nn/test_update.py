import numpy as np
import pytest

from chainrule.nn import OPTIMIZERS, SGD, Mean, Momentum, Parameters, Update, parameter_count
from chainrule.nn.schedules import Step

SIZES = (2, 1)


def moved(update, theta=(3.0, -4.0, 2.0), gradient=(1.0, 1.0, 1.0), t=0, factor=1.0):
    """W = (3, -4), B = 2 before the step; what they are behind it."""
    parameters, slots = Parameters.view(np.float32(theta), SIZES), {"velocity": np.zeros(3, np.float32)}
    update.apply(parameters, Mean((np.float32(gradient),), 1.0), slots, t, factor)
    return parameters.flat.tolist()


def test_the_plain_update_is_the_optimizers():
    assert moved(Update(SGD(0.5))) == [2.5, -4.5, 1.5]


def test_regularisers_pull_at_the_weights_and_leave_the_bias_alone():
    assert moved(Update(SGD(1.0), l1=0.5), gradient=(0, 0, 0)) == [2.5, -3.5, 2]
    assert moved(Update(SGD(1.0), l2=0.5), gradient=(0, 0, 0)) == [1.5, -2, 2]


def test_clipping_comes_behind_the_regularisers_and_in_front_of_the_optimizer():
    assert moved(Update(SGD(1.0), l2=10.0, clipping={"value": 0.25})) == [2.75, -3.75, 1.75]
    assert moved(Update(SGD(1.0), clipping={"global_norm": 2.5}), gradient=(3, 4, 0)) == pytest.approx([1.5, -6, 2])


def test_the_norm_is_limited_behind_the_step():
    assert moved(Update(SGD(1.0), max_norm=1.0), gradient=(0, 0, 0)) == pytest.approx([0.6, -0.8, 2])


def test_the_rate_is_the_schedules_times_the_plateaus():
    update = Update(Momentum(1.0, 0.0), Step(every=10, gamma=0.5))
    assert moved(update, t=9) == [2, -5, 1]
    assert moved(update, t=10) == [2.5, -4.5, 1.5]
    assert moved(update, t=10, factor=0.5) == [2.75, -4.25, 1.75]


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_parts_that_are_updated_apart_have_the_bits_of_the_whole(name):
    rng, update = np.random.default_rng(0), Update(OPTIMIZERS[name](), Step(every=2, gamma=0.5))
    sizes = (9, 20, 7)
    whole = Parameters.view(rng.normal(size=parameter_count(sizes)).astype(np.float32), sizes)
    apart = whole.flat.copy()
    slots = [{slot: np.zeros_like(apart) for slot in update.slots} for _ in range(2)]
    for t in range(5):
        parts = tuple(rng.normal(size=(2, apart.size)).astype(np.float32))
        update.apply(whole, Mean(parts, 3.0), slots[0], t, 0.5)
        for part in (slice(0, 48), slice(48, None)):
            own = {slot: array[part] for slot, array in slots[1].items()}
            update.apply_to_part(apart[part], Mean(tuple(g[part] for g in parts), 3.0), own, t, 0.5)
    assert whole.flat.tobytes() == apart.tobytes()
    assert [slot.tobytes() for slot in slots[0].values()] == [slot.tobytes() for slot in slots[1].values()]


@pytest.mark.parametrize(
    ("change", "element_wise"),
    [
        ({}, True),
        ({"l1": 0.1}, False),
        ({"l2": 0.1}, False),
        ({"max_norm": 1.0}, False),
        ({"clipping": {"value": 1.0}}, False),
    ],
)
def test_only_what_looks_at_each_number_alone_may_be_updated_apart(change, element_wise):
    assert Update(SGD(0.1), **change).element_wise is element_wise
