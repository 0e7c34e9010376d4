import numpy as np
import pytest

from chainrule.nn import OPTIMIZERS, Mean, Parameters, Update
from chainrule.parameter_server import inspection
from chainrule.parameter_server.inspection import SECONDS, SHARE, Inspection
from chainrule.wire.layers import LayerActivity, LayerFigures

SIZES = (30, 20, 3)


class Clock:
    """Seconds that a test sets; each look at it takes `cost`."""

    now, cost = 10.0, 0.0

    def __call__(self):
        self.now += self.cost
        return self.now


@pytest.fixture
def clock():
    return Clock()


def filled(seed):
    parameters = Parameters.empty(SIZES)
    parameters.flat[:] = np.random.default_rng(seed).standard_normal(parameters.flat.size, np.float32)
    return parameters


def steps(apply, count, theta=None, between=lambda: None):
    theta, slots = theta or filled(0), {}
    for t in range(count):
        apply(theta, Mean((filled(t + 1).flat, filled(t + 2).flat), 5.0), slots, t, 1.0)
        between()
    return theta


def test_a_step_that_is_measured_has_the_same_bits(clock):
    update = Update(OPTIMIZERS["sgd"](learning_rate=0.1), clipping={"value": 0.5})
    measured = Inspection(update, (1, 2), clock)
    assert steps(measured.apply, 5).flat.tobytes() == steps(update.apply, 5).flat.tobytes()
    assert len(measured.take([])) == 2


def test_the_figures_are_those_of_the_step(clock):
    measured = Inspection(Update(OPTIMIZERS["sgd"](learning_rate=0.1)), (1, 2), clock)
    after = steps(measured.apply, 1)
    before, gradient = filled(0), (filled(1).flat.astype(float) + filled(2).flat) / 5
    gradient = Parameters.view(gradient, SIZES)
    for figures in measured.take([]):
        L = figures.layer
        length = np.linalg.norm(before.W[L])
        expected = (
            *(np.linalg.norm(gradient.W[L]), np.linalg.norm(gradient.B[L]), length),
            np.linalg.norm(after.W[L] - before.W[L]) / length,
        )
        told = figures.gradient_norm, figures.bias_gradient_norm, figures.weight_norm, figures.update_ratio
        assert told == pytest.approx(expected, rel=1e-5)


def test_the_first_weights_of_a_large_layer_tell_how_far_it_moves(clock, monkeypatch):
    monkeypatch.setattr(inspection, "MOST", 120)  # 60 of each layer
    measured = Inspection(Update(OPTIMIZERS["sgd"](learning_rate=0.1)), (1, 2), clock)
    after, before = steps(measured.apply, 1), filled(0)
    for figures in measured.take([]):
        parts = [parameters.W[figures.layer].reshape(-1)[:60] for parameters in (before, after)]
        assert figures.update_ratio == pytest.approx(np.linalg.norm(parts[1] - parts[0]) / np.linalg.norm(parts[0]))


def test_steps_are_measured_once_a_second_and_told_once(clock):
    measured, told = Inspection(Update(OPTIMIZERS["sgd"]()), (1, 2), clock), []

    def pass_time():
        told.append(measured.take([]))
        clock.now += SECONDS / 10

    steps(measured.apply, 100, between=pass_time)
    assert sum(map(bool, told)) == 10


def test_measuring_takes_no_more_than_its_share_of_the_time(clock):
    measured, told = Inspection(Update(OPTIMIZERS["sgd"]()), (1, 2), clock), []

    def pass_time():
        told.append(measured.take([]))
        clock.now += SECONDS

    clock.cost = 0.1  # before and behind an update, so 0.2 s in all
    steps(measured.apply, 100, between=pass_time)
    assert sum(map(bool, told)) <= 100 * 1.5 / (0.2 / SHARE) + 1


def test_what_is_not_finite_or_has_no_length_is_not_known(clock):
    theta = filled(0)
    theta.W[1][:] = 0
    theta.W[2][0, 0] = np.inf
    measured = Inspection(Update(OPTIMIZERS["sgd"]()), (1, 2), clock)
    steps(measured.apply, 1, theta)
    first, second = measured.take([])
    assert (first.weight_norm, first.update_ratio) == (0, None)
    assert (second.weight_norm, second.update_ratio) == (None, None)


def test_what_the_workers_see_is_told_as_the_mean_of_those_who_are_there(clock):
    measured = Inspection(Update(OPTIMIZERS["sgd"]()), (1, 2), clock)
    for worker, share in ((1, 0.25), (2, 0.75), (3, 0.0)):
        measured.note(worker, [LayerActivity(1, dead_ratio=share), LayerActivity(9, dead_ratio=1.0)])
    steps(measured.apply, 1)
    first, second = measured.take([1, 2])
    assert (first.dead_ratio, first.saturation) == (0.5, None)
    assert (second.dead_ratio, second.saturation) == (None, None)
    assert isinstance(first, LayerFigures)
