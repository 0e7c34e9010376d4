import dataclasses

import pytest

from chainrule.nn import OPTIMIZERS
from chainrule.wire.spec import OptimizerSpec
from chainrule.wire.validation import parse_spec


@pytest.fixture
def spec():
    return parse_spec({"data": {"train": "a", "label": "b"}, "network": {"layers": [{}]}})


def test_a_job_cannot_be_changed(spec):
    for section in (spec, spec.data, spec.network, spec.network.layers[0], spec.optimizer, spec.training, spec.cluster):
        field = dataclasses.fields(section)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(section, field, None)


def test_every_hyperparameter_of_an_optimizer_can_be_said_in_a_job():
    known = {field.name for field in dataclasses.fields(OptimizerSpec)} - {"name"}
    used = {field.name for optimizer in OPTIMIZERS.values() for field in dataclasses.fields(optimizer)}
    assert known == used


def test_hyperparameters_are_those_that_the_job_gives():
    optimizer = OptimizerSpec("adam", learning_rate=0.5, beta1=0.0)
    assert optimizer.hyperparameters == {"learning_rate": 0.5, "beta1": 0.0}
    assert OPTIMIZERS["adam"](**optimizer.hyperparameters).beta2 == 0.999


def test_a_document_has_no_field_without_a_value(spec):
    assert "shards" not in spec.document()["training"]
    assert spec.document()["network"] == {"layers": [{}], "loss": "cross_entropy"}
