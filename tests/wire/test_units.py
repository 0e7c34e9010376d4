import pytest

from chainrule.nn import LOSSES
from chainrule.wire.units import labels, loss_unit
from chainrule.wire.validation import parse_spec


def document(loss, scaling=None, **data):
    given = {} if scaling is None else {"target_scaling": scaling}
    return {"network": {"loss": loss, "layers": [{}]}, "data": {"train": "a.csv", "label": "price", **given, **data}}


UNITS = {
    ("cross_entropy", None): "cross-entropy, nats",
    ("binary_cross_entropy", None): "binary cross-entropy, nats",
    ("poisson", None): "Poisson loss, nats",
    ("mse", None): "mse of the standardized label",
    ("mse", "standardize"): "mse of the standardized label",
    ("mse", "none"): "mse, label²",
    ("huber", None): "Huber loss of the standardized label",
    ("huber", "none"): "Huber loss, label²",
    ("mean_absolute_error", None): "mean absolute error of the standardized label",
    ("mean_absolute_error", "none"): "mean absolute error, label",
    ("quantile", None): "quantile loss of the standardized label",
    ("quantile", "none"): "quantile loss, label",
}


@pytest.mark.parametrize(("given", "unit"), UNITS.items())
def test_the_unit_follows_from_the_loss_and_the_scaling_of_the_label(given, unit):
    assert loss_unit(document(*given)) == unit


def test_every_loss_has_a_unit():
    assert {loss for loss, _ in UNITS} == set(LOSSES)


def test_a_loss_over_several_labels_says_that_it_is_a_sum():
    several = document("mse", "none", labels=["a", "b"])
    assert loss_unit(several) == "mse, label², summed over the labels"
    assert labels(several) == ("a", "b")
    assert labels(document("mse")) == ("price",)


def test_a_document_without_these_fields_is_one_of_classes():
    assert (loss_unit({}), labels({})) == ("cross-entropy, nats", ())


@pytest.mark.parametrize("scaling", ["standardize", "none"])
def test_a_specification_says_the_same_as_its_document(scaling):
    spec = parse_spec(document("mse", scaling))
    assert spec.scales_targets == (scaling == "standardize")
    assert loss_unit(spec.document()) == loss_unit(document("mse", scaling))
