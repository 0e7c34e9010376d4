import datetime
import math
import re

import pytest

from chainrule.nn import ACTIVATIONS, LOSSES, OPTIMIZERS
from chainrule.wire.errors import InvalidJob
from chainrule.wire.validation import parse_spec


def document(**sections):
    """A valid job, with changes by section."""
    result = {
        "data": {"train": "rows.csv", "label": "label"},
        "network": {"layers": [{"units": 8}, {"activation": "softmax"}]},
    }
    for name, content in sections.items():
        result[name] = {**result.get(name, {}), **content} if isinstance(content, dict) else content
    return result


def violations(broken):
    with pytest.raises(InvalidJob) as caught:
        parse_spec(broken)
    found = {violation.path: violation.problem for violation in caught.value.violations}
    assert len(found) == len(caught.value.violations), "a path is named twice"
    return found


def test_what_is_left_out_has_the_defaults_that_are_documented():
    spec = parse_spec(document())
    assert spec.name == "job"
    assert (spec.data.validation_fraction, spec.data.scaling) == (0.2, "standardize")
    assert (spec.network.loss, spec.network.activations) == ("cross_entropy", ("relu", "softmax"))
    assert (spec.optimizer.name, spec.optimizer.hyperparameters) == ("adam", {})
    assert (spec.training.epochs, spec.training.batch_size, spec.training.seed) == (30, 64, 0)
    assert spec.training.checkpoint_seconds == 30
    assert (spec.cluster.min_workers, spec.cluster.max_workers) == (1, 1)
    assert (spec.shards, spec.rows_per_shard) == (1, 64)


def test_there_are_as_many_shards_as_workers_unless_the_job_says_otherwise():
    assert parse_spec(document(cluster={"max_workers": 4})).shards == 4
    assert parse_spec(document(cluster={"max_workers": 4}, training={"shards": 8})).shards == 8


def test_numbers_are_predicted_by_an_identity_at_the_end():
    assert parse_spec(document(network={"loss": "mse", "layers": [{}]})).network.activations == ("identity",)


def test_every_violation_is_told_at_once_with_its_path():
    found = violations(
        {
            "data": {"train": "", "validation_fraction": 1},
            "network": {"loss": "hinge", "layers": [{"units": 3}, {"units": 0, "activation": "swish"}]},
            "optimizer": {"learning_rate": -1},
            "training": {"batch_size": 100, "shards": 3, "epoch": 3},
            "cluster": {"min_workers": 3, "max_workers": 2},
            "nam": "x",
        }
    )
    assert found == {
        "data.train": "must not be empty",
        "data.label": "is missing",
        "data.validation_fraction": "must be < 1",
        "network.loss": f"must be one of {', '.join(LOSSES)}",
        "network.layers[1].units": "must be >= 1",
        "network.layers[1].activation": f"must be one of {', '.join(ACTIVATIONS)}",
        "optimizer.learning_rate": "must be > 0",
        "training.batch_size": "must be divisible by the number of shards (3): the nearest that is, is 99",
        "training.epoch": "is not a field of a job; did you mean epochs?",
        "cluster.min_workers": "must be <= cluster.max_workers (2)",
        "nam": "is not a field of a job; did you mean name?",
    }


def test_the_sentence_names_path_and_problem():
    with pytest.raises(InvalidJob, match=r"^network\.layers\[1\]\.units must be >= 1$"):
        parse_spec(document(network={"layers": [{"units": 3}, {"units": 0}]}))


@pytest.mark.parametrize(
    ("sections", "path", "problem"),
    [
        ({"training": {"epochs": True}}, "training.epochs", "must be a whole number"),
        ({"training": {"epochs": 1.5}}, "training.epochs", "must be a whole number"),
        ({"training": {"epochs": "3"}}, "training.epochs", "must be a whole number"),
        ({"training": {"epochs": 10**30}}, "training.epochs", "must be <= 2147483647"),
        ({"training": {"seed": -1}}, "training.seed", "must be >= 0"),
        ({"training": {"seed": 2**63}}, "training.seed", f"must be <= {2**63 - 1}"),
        ({"training": {"shards": 0}}, "training.shards", "must be >= 1"),
        ({"training": {"batch_size": 0}}, "training.batch_size", "must be >= 1"),
        ({"training": {"checkpoint_seconds": math.inf}}, "training.checkpoint_seconds", "must be a finite number"),
        ({"optimizer": {"learning_rate": math.nan}}, "optimizer.learning_rate", "must be a finite number"),
        ({"optimizer": {"learning_rate": "fast"}}, "optimizer.learning_rate", "must be a number"),
        ({"optimizer": {"learning_rate": True}}, "optimizer.learning_rate", "must be a number"),
        ({"optimizer": {"learning_rate": 0}}, "optimizer.learning_rate", "must be > 0"),
        ({"optimizer": {"name": "lbfgs"}}, "optimizer.name", f"must be one of {', '.join(OPTIMIZERS)}"),
        ({"optimizer": {"momentum": 0.5}}, "optimizer.momentum", "is not a hyperparameter of adam"),
        ({"optimizer": {"name": "adam", "momentum": 0.5}}, "optimizer.momentum", "is not a hyperparameter of adam"),
        ({"optimizer": {"name": "momentum", "beta1": 0.5}}, "optimizer.beta1", "is not a hyperparameter of momentum"),
        ({"optimizer": {"learning_rat": 1}}, "optimizer.learning_rat", "did you mean learning_rate?"),
        ({"network": {"layers": []}}, "network.layers", "must have at least 1 entry"),
        ({"network": {"layers": {}}}, "network.layers", "must be a list"),
        ({"network": {"layers": [3]}}, "network.layers[0]", "must be a table of fields"),
        ({"network": {"layers": [{}, {}]}}, "network.layers[0].units", "is missing: only the last layer's"),
        ({"network": {"layers": [{"units": None}, {}]}}, "network.layers[0].units", "is missing"),
        ({"network": {"layers": [{"unit": 3}]}}, "network.layers[0].unit", "did you mean units?"),
        ({"cluster": {"max_workers": 3}, "training": {"shards": 2}}, "cluster.max_workers", "training.shards (2)"),
        ({"cluster": 3}, "cluster", "must be a table of fields"),
        ({"name": 3}, "name", "must be a text in quotes"),
        ({"name": ""}, "name", "must not be empty"),
        ({"name": "x" * 201}, "name", "must have at most 200 characters"),
        ({"data": {"label": ["a"]}}, "data.label", "must be a text in quotes"),
        ({"data": {"format": "xls"}}, "data.format", "must be one of csv, tsv, jsonl, parquet, arrow, npy, npz, idx"),
        ({"data": {"delimiter": ",,"}}, "data.delimiter", "must be one character, as , or ; or a tab"),
        ({"data": {"header": "no"}}, "data.header", "must be true or false"),
        ({"data": {"kinds": {"a": "colour"}}}, "data.kinds.a", "must be one of number, category, date"),
        ({"data": {"kinds": "number"}}, "data.kinds", "must be a table of fields"),
        ({"data": {"missing": "zero"}}, "data.missing", "must be one of refuse, median, mean"),
        (
            {"data": {"class_weights": {"a": -1}}},
            "data.class_weights",
            'must be "balanced", or a table with a number > 0 for each class',
        ),
        ({"data": {"labels": ["a"]}}, "data.labels", "stands beside data.label: give one of them"),
        (
            {"data": {"target_scaling": "standardize"}},
            "data.target_scaling",
            "is for losses over all numbers, not for cross_entropy",
        ),
        ({"data": {"scaling": "log"}}, "data.scaling", "must be one of standardize, min_max, none"),
        ({"network": {"layers": [{"units": 3, "dropout": 1.0}, {}]}}, "network.layers[0].dropout", "must be < 1"),
        ({"network": {"layers": [{"dropout": 0.5}]}}, "network.layers[0].dropout", "is for hidden layers"),
        ({"network": {"layers": [{}], "input_dropout": -0.1}}, "network.input_dropout", "must be >= 0"),
        ({"regularization": {"l3": 1}}, "regularization.l3", "is not a field of a job"),
        ({"regularization": {"max_norm": 0}}, "regularization.max_norm", "must be > 0"),
        ({"regularization": {"l1": -1}}, "regularization.l1", "must be >= 0"),
        ({"clipping": {"norm": 1}}, "clipping.norm", "is not a field of a job"),
        ({"clipping": {"value": 0}}, "clipping.value", "must be > 0"),
        ({"schedule": {"name": "linear"}}, "schedule.name", "must be one of constant, step, exponential, cosine"),
        ({"schedule": {"name": "cosine", "gamma": 0.5}}, "schedule.gamma", "is not an option of cosine"),
        ({"schedule": {"gamma": 0.5}}, "schedule.gamma", "is not an option of constant"),
        ({"schedule": {"name": "plateau", "steps": 5}}, "schedule.steps", "is not an option of plateau"),
        ({"schedule": {"name": "step", "every": 0}}, "schedule.every", "must be >= 1"),
        ({"schedule": {"name": "step", "gamma": 1.5}}, "schedule.gamma", "must be <= 1"),
        ({"training": {"checkpoint_seconds": 1e10}}, "training.checkpoint_seconds", "must be <= 1000000000"),
        ({"training": {"checkpoint_seconds": 1e-300}}, "training.checkpoint_seconds", "must be >= 0.01"),
        ({"optimizer": {"epsilon": 1e-300}}, "optimizer.epsilon", "must be in [1e-20, 1e+30]"),
        ({"optimizer": {"epsilon": 1e300}}, "optimizer.epsilon", "must be in [1e-20, 1e+30]"),
        ({"optimizer": {"learning_rate": 1e-60}}, "optimizer.learning_rate", "must be in [1e-20, 1e+30]"),
        ({"optimizer": {"learning_rate": 1e300}}, "optimizer.learning_rate", "must be in [1e-20, 1e+30]"),
        ({"optimizer": {"beta2": 0.99999999999}}, "optimizer.beta2", "must be in [1e-20, 0.9999999], or 0"),
        ({"optimizer": {"beta1": 0.99999999999}}, "optimizer.beta1", "must be in [1e-20, 0.9999999], or 0"),
        ({"optimizer": {"name": "adadelta", "rho": 1e-60}}, "optimizer.rho", "must be in [1e-20, 0.9999999], or 0"),
        ({"optimizer": {"name": "momentum", "momentum": 0.99999999999}}, "optimizer.momentum", "0.9999999"),
        (
            {"optimizer": {"name": "adamw", "weight_decay": 1e300}},
            "optimizer.weight_decay",
            "must be in [1e-20, 1e+30]",
        ),
        (
            {"optimizer": {"name": "adamw", "learning_rate": 0.5, "weight_decay": 3.0}},
            "optimizer.weight_decay",
            "is 3: times optimizer.learning_rate (0.5) it must be at most 1",
        ),
        ({"regularization": {"l2": 1e-60}}, "regularization.l2", "must be in [1e-20, 1e+30], or 0"),
        ({"regularization": {"l1": 1e60}}, "regularization.l1", "must be in [1e-20, 1e+30], or 0"),
        ({"regularization": {"max_norm": 1e-60}}, "regularization.max_norm", "must be in [1e-20, 1e+30]"),
        ({"clipping": {"value": 1e300}}, "clipping.value", "must be in [1e-20, 1e+30]"),
        ({"clipping": {"layer_norm": 1e-60}}, "clipping.layer_norm", "must be in [1e-20, 1e+30]"),
        ({"clipping": {"global_norm": 1e-60}}, "clipping.global_norm", "must be in [1e-20, 1e+30]"),
        ({"network": {"loss": "huber", "layers": [{}], "delta": 1e-60}}, "network.delta", "must be in [1e-20, 1e+30]"),
        ({"network": {"loss": "quantile", "layers": [{}], "quantile": 1e-60}}, "network.quantile", "[1e-06, 0.999999]"),
        ({"network": {"layers": [{}], "label_smoothing": 0.99999999999}}, "network.label_smoothing", "0.9999999]"),
        ({"network": {"layers": [{}], "input_dropout": 1e-60}}, "network.input_dropout", "in [1e-06, 0.999999], or 0"),
        (
            {"network": {"layers": [{"units": 3, "dropout": 0.99999999999}, {}]}},
            "network.layers[0].dropout",
            "must be in [1e-06, 0.999999], or 0",
        ),
        ({"data": {"class_weights": {"a": 1e-60}}}, "data.class_weights", "must have numbers in [1e-20, 1e+30]"),
        ({"early_stopping": {"metric": "f1"}}, "early_stopping.metric", "must be one of validation_loss"),
        ({"early_stopping": {"patience": 0}}, "early_stopping.patience", "must be >= 1"),
        ({"early_stopping": {"patience_steps": 0}}, "early_stopping.patience_steps", "must be >= 1"),
        (
            {"early_stopping": {"patience": 3, "patience_steps": 300}},
            "early_stopping.patience_steps",
            "stands beside early_stopping.patience: give one of them",
        ),
        ({"early_stopping": {"patence": 1}}, "early_stopping.patence", "did you mean patience?"),
        ({"early_stopping": 3}, "early_stopping", "must be a table of fields"),
    ],
)
def test_a_wrong_field_is_refused_by_itself(sections, path, problem):
    found = violations(document(**sections))
    assert list(found) == [path]
    assert problem in found[path]


@pytest.mark.parametrize(
    ("loss", "activation", "suits"),
    [
        ("cross_entropy", "softmax", True),
        ("cross_entropy", "relu", True),
        ("cross_entropy", "tanh", False),
        ("cross_entropy", "identity", False),
        ("binary_cross_entropy", "sigmoid", True),
        ("binary_cross_entropy", "softplus", False),
        ("poisson", "softplus", True),
        ("poisson", "identity", False),
        ("mse", "tanh", True),
    ],
)
def test_a_last_activation_must_suit_the_loss(loss, activation, suits):
    broken = document(network={"layers": [{"units": 3}, {"activation": activation}], "loss": loss})
    if suits:
        parse_spec(broken)
    else:
        problem = violations(broken)["network.layers[1].activation"]
        assert problem.startswith(f"is {activation}, whose outputs lie in [")
        assert loss in problem


@pytest.mark.parametrize("followed", [{"early_stopping": {}}, {"schedule": {"name": "plateau"}}])
def test_what_follows_a_validation_metric_needs_validation_rows(followed):
    path = "early_stopping.metric" if "early_stopping" in followed else "schedule.name"
    without = {"train": "a.csv", "label": "y", "validation_fraction": 0}
    assert violations(document(data=without, **followed))[path].startswith("needs validation rows")


def test_an_accuracy_needs_classes():
    stopping = {"metric": "validation_accuracy"}
    broken = document(network={"layers": [{}], "loss": "mse"}, early_stopping=stopping)
    assert "predicts numbers" in violations(broken)["early_stopping.metric"]


@pytest.mark.parametrize(("batch", "shards", "nearest"), [(128, 3, 129), (100, 3, 99), (1, 4, 4), (7, 4, 8)])
def test_the_nearest_batch_size_that_shards_divide_is_told(batch, shards, nearest):
    found = violations(document(training={"batch_size": batch, "shards": shards}))
    assert found["training.batch_size"].endswith(f"the nearest that is, is {nearest}")


@pytest.mark.parametrize(
    ("cluster", "training"),
    [({"min_workers": 2, "max_workers": "4"}, {}), ({"max_workers": 3}, {"shards": "2"})],
)
def test_nothing_is_said_of_a_field_whose_partner_is_no_number(cluster, training):
    assert len(violations(document(cluster=cluster, training=training))) == 1


def test_a_field_in_the_wrong_section_is_not_suggested_as_it_is():
    problem = violations(document(training={"learning_rate": 1}))["training.learning_rate"]
    assert not problem.endswith("did you mean learning_rate?")


def test_a_date_is_no_name():
    assert violations(document(name=datetime.date(2026, 3, 1))) == {"name": "must be a text in quotes"}


@pytest.mark.parametrize("broken", [[], 3, None, "text", {}])
def test_what_is_no_job_at_all_is_refused(broken):
    assert violations(broken)


@pytest.mark.parametrize(
    ("network", "wrong"),
    [
        ({"loss": "mse", "label_smoothing": 0.1}, "network.label_smoothing is not an option of mse"),
        ({"loss": "cross_entropy", "delta": 1.0}, "network.delta is not an option of cross_entropy"),
        ({"loss": "huber", "quantile": 0.9}, "network.quantile is not an option of huber"),
    ],
)
def test_an_option_of_another_loss_is_refused(network, wrong):
    with pytest.raises(InvalidJob) as caught:
        parse_spec(document(network=network))
    assert [str(violation) for violation in caught.value.violations] == [wrong]


@pytest.mark.parametrize(
    ("loss", "options"),
    [("cross_entropy", {"label_smoothing": 0.1}), ("huber", {"delta": 2.0}), ("quantile", {"quantile": 0.9})],
)
def test_the_network_has_the_options_that_the_job_gives(loss, options):
    layers = [{"units": 8, "initializer": "glorot_uniform"}, {}]
    network = parse_spec(document(network={"loss": loss, "layers": layers, **options})).network.network((3, 8, 2))
    assert {name: getattr(network, name) for name in options} == options
    assert (network.initializer(1), network.activations) == ("glorot_uniform", ("relu", LOSSES[loss].activation))


@pytest.mark.parametrize(
    ("network", "layer"),
    [
        ({"layers": [{"units": 1, "activation": "softmax"}]}, 0),
        ({"layers": [{"units": 8}, {"units": 1}]}, 1),
        ({"layers": [{"units": 1, "activation": "softmax"}, {}]}, 0),
        ({"loss": "mse", "layers": [{"units": 1, "activation": "softmax"}, {}]}, 0),
    ],
)
def test_a_softmax_of_one_unit_is_refused(network, layer):
    path = f"network.layers[{layer}].units"
    problem = "is 1, and a softmax of one unit is 1 whatever the weights are: use sigmoid, or more units"
    assert violations(document(network=network)) == {path: problem}


@pytest.mark.parametrize("last", [{"units": 1}, {"units": 1, "activation": "sigmoid"}])
def test_one_unit_without_a_softmax_is_allowed(last):
    parse_spec(document(network={"loss": "binary_cross_entropy", "layers": [{"units": 1}, last]}))


WRONG_WORDS = {
    "optimizer.name": ("adm", "adam"),
    "network.loss": ("cross_entropi", "cross_entropy"),
    "network.layers[0].activation": ("RELU", "relu"),
    "network.layers[0].initializer": ("he_norml", "he_normal"),
    "schedule.name": ("cosin", "cosine"),
    "data.scaling": ("standardise", "standardize"),
    "data.target_scaling": ("standardise", "standardize"),
    "data.format": ("parqet", "parquet"),
    "data.missing": ("medain", "median"),
    "data.kinds.age": ("numbr", "number"),
    "early_stopping.metric": ("validation_los", "validation_loss"),
    "training.wire": ("float23", "float32"),
}


@pytest.mark.parametrize("path", WRONG_WORDS)
def test_a_wrong_word_is_told_with_the_one_that_is_near(path):
    word, near = WRONG_WORDS[path]
    section, _, field = path.partition(".")
    content = {field: word}
    if section == "network":
        content = {"loss": word} if field == "loss" else {"layers": [{"units": 3, field.partition(".")[2]: word}, {}]}
    elif field.startswith("kinds"):
        content = {"kinds": {"age": word}}
    found = violations(document(**{section: content}))
    assert re.fullmatch(rf"must be one of .*\b{near}\b.*; did you mean {near}\?", found[path])


def test_a_word_that_is_near_to_none_is_told_without_a_guess():
    problem = violations(document(optimizer={"name": "zzz"}))["optimizer.name"]
    assert problem == f"must be one of {', '.join(OPTIMIZERS)}"


@pytest.mark.parametrize("levels", [300, 20_000])
@pytest.mark.parametrize("path", ["", "data", "optimizer"])
def test_a_job_that_is_nested_too_deeply_is_refused(levels, path):
    nested = innermost = {}
    for _ in range(levels):
        innermost["a"] = innermost = {}
    assert violations(document(**({path: nested} if path else nested)))
