import pytest

from chainrule.nn import Adam, WarmUp
from chainrule.nn.schedules import Constant, Cosine, Exponential, InverseSquareRoot, OneCycle, Step
from chainrule.wire.recipe import make_update
from chainrule.wire.validation import parse_spec


def spec(**sections):
    return parse_spec({"data": {"train": "a.csv", "label": "y"}, "network": {"layers": [{"units": 6}, {}]}, **sections})


def schedule(**fields):
    return make_update(spec(schedule=fields), steps=100, steps_per_epoch=10).schedule


def test_a_job_that_says_nothing_takes_plain_steps():
    update = make_update(spec(), 100, 10)
    assert (update.optimizer, update.schedule) == (Adam(), Constant())
    assert (update.l1, update.l2, update.max_norm, update.clipping) == (0, 0, None, {})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": "cosine"}, Cosine(100)),
        ({"name": "cosine", "steps": 7, "low": 0.1}, Cosine(7, 0.1)),
        ({"name": "cosine", "warm_up": 20}, WarmUp(20, Cosine(80))),
        ({"name": "step"}, Step(34)),
        ({"name": "step", "every": 3, "gamma": 0.5}, Step(3, 0.5)),
        ({"name": "exponential", "gamma": 0.5}, Exponential(100, 0.5)),
        ({"name": "inverse_square_root"}, InverseSquareRoot(10)),
        ({"name": "one_cycle", "peak": 0.5, "start": 0.1, "end": 0.0}, OneCycle(100, 0.5, 0.1, 0.0)),
        ({"warm_up": 5}, WarmUp(5, Constant())),
        ({"name": "cosine", "warm_up": 1000}, WarmUp(1000, Cosine(1))),
        ({"name": "plateau", "gamma": 0.5}, Constant()),
    ],
)
def test_a_schedule_ends_with_the_job_where_the_job_does_not_say(fields, expected):
    assert schedule(**fields) == expected


def test_regularisation_and_clipping_reach_the_update():
    update = make_update(
        spec(
            regularization={"l1": 0.1, "l2": 0.2, "max_norm": 3.0},
            clipping={"global_norm": 1.0, "value": 0.5, "layer_norm": 2.0},
        ),
        100,
        10,
    )
    assert (update.l1, update.l2, update.max_norm) == (0.1, 0.2, 3.0)
    assert list(update.clipping.items()) == [("value", 0.5), ("layer_norm", 2.0), ("global_norm", 1.0)]
