import dataclasses
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule import nn
from chainrule.nn import ACTIVATIONS, OPTIMIZERS
from chainrule.v1 import job_spec_pb2, training_pb2
from chainrule.wire import spec
from chainrule.wire.job import Job, JobEvent, JobState
from chainrule.wire.messages import (
    event_from_message,
    event_to_message,
    job_from_message,
    job_to_message,
    spec_from_message,
    spec_to_message,
)
from chainrule.wire.validation import parse_spec

texts = st.text(min_size=1, max_size=20)
names = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=20)
positive = st.floats(0, 1e30, exclude_min=True)
magnitudes = st.floats(1e-20, 1e30)
strengths = st.just(0.0) | magnitudes
decays = st.just(0.0) | st.floats(1e-20, 0.9999999)
rates = st.just(0.0) | st.floats(1e-6, 1 - 1e-6)
RANGES = {
    "learning_rate": st.floats(1e-20, 100),
    "epsilon": magnitudes,
    "weight_decay": st.just(0.0) | st.floats(1e-20, 0.01),
    **dict.fromkeys(("momentum", "beta1", "beta2", "rho"), decays),
}
HYPERPARAMETERS = {
    name: {field.name: RANGES[field.name] for field in dataclasses.fields(kind)} for name, kind in OPTIMIZERS.items()
}

counts = st.integers(1, 2**31 - 1)
OPTIONS = {
    **dict.fromkeys(("steps", "every", "patience"), counts),
    **dict.fromkeys(("gamma", "low", "peak", "start", "end"), st.floats(0, 1)),
    "min_delta": positive,
}
KINDS = {**nn.SCHEDULES, "plateau": nn.Plateau}
SCHEDULES = {
    name: {field.name: OPTIONS[field.name] for field in dataclasses.fields(kind) if field.name in OPTIONS}
    | {"warm_up": st.integers(0, 2**31 - 1)}
    for name, kind in KINDS.items()
}


@st.composite
def documents(draw):
    """A valid job in which any optional field may be left out."""
    activation = st.fixed_dictionaries({}, optional={"activation": st.sampled_from(sorted(ACTIVATIONS))})
    units = st.fixed_dictionaries({"units": st.integers(2, 2**31 - 1)})  # a softmax of one is refused
    hidden = st.builds(lambda a, b: {**a, **b}, units, activation)
    hidden = st.builds(lambda a, b: {**a, **b}, hidden, st.fixed_dictionaries({}, optional={"dropout": rates}))
    ends = [name for name, kind in ACTIVATIONS.items() if kind.range[0] >= 0]
    end = st.fixed_dictionaries({}, optional={"activation": st.sampled_from(ends)})
    last = st.one_of(st.builds(lambda a, b: {**a, **b}, units, end), end)
    schedule = draw(st.sampled_from(sorted(SCHEDULES)))
    optimizer = draw(st.sampled_from(sorted(HYPERPARAMETERS)))
    workers, per_shard = draw(st.integers(1, 50)), draw(st.integers(1, 1000))
    shards = draw(st.integers(workers, 60))
    optional = {
        "name": names,
        "schedule": st.fixed_dictionaries({"name": st.just(schedule)}, optional=SCHEDULES[schedule]),
        "regularization": st.fixed_dictionaries(
            {}, optional={"l1": strengths, "l2": strengths, "max_norm": magnitudes}
        ),
        "clipping": st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("value", "layer_norm", "global_norm"), magnitudes)
        ),
        "early_stopping": st.fixed_dictionaries(
            {},
            optional={
                "metric": st.just("train_loss"),
                draw(st.sampled_from(["patience", "patience_steps"])): counts,
                "min_delta": positive,
            },
        ),
        "optimizer": st.fixed_dictionaries({"name": st.just(optimizer)}, optional=HYPERPARAMETERS[optimizer]),
    }
    training = {
        "epochs": st.integers(1, 2**31 - 1),
        "seed": st.integers(0, 2**63 - 1),
        "checkpoint_seconds": st.floats(0.01, 1e9),
    }
    columns = st.lists(texts, min_size=1, max_size=3)
    data = {
        **{"validation_fraction": st.floats(0.01, 0.9), "scaling": st.sampled_from(["standardize", "min_max", "none"])},
        **{"validation": texts, "stratify": st.booleans(), "format": st.sampled_from(spec.FORMATS)},
        **{"delimiter": st.sampled_from(",;\t"), "header": st.booleans(), "unpack_limit": st.integers(1, 2**63 - 1)},
        **{"columns": columns, "ignore": columns, "kinds": st.dictionaries(texts, st.sampled_from(spec.COLUMN_KINDS))},
        **{"missing": st.sampled_from(spec.MISSING), "most_categories": st.integers(1, 10_000), "weight": texts},
    }
    required = {
        "data": st.one_of(
            st.fixed_dictionaries({"train": texts, "label": texts}, optional=data),
            st.fixed_dictionaries({"train": texts, "labels": st.lists(texts, min_size=1, max_size=1)}, optional=data),
        ),
        "network": st.fixed_dictionaries(
            {"layers": st.builds(lambda a, b: [*a, b], st.lists(hidden, max_size=3), last)},
            optional={"loss": st.sampled_from(["cross_entropy", "mse"]), "input_dropout": rates},
        ),
        "training": st.fixed_dictionaries(
            {"batch_size": st.just(shards * per_shard), "shards": st.just(shards)}, optional=training
        ),
        "cluster": st.fixed_dictionaries(
            {"max_workers": st.just(workers)}, optional={"min_workers": st.integers(1, workers)}
        ),
    }
    return draw(st.fixed_dictionaries(required, optional=optional))


@settings(max_examples=100)
@given(documents())
def test_a_valid_job_survives_the_trip_to_a_document_and_to_a_message(document):
    job = parse_spec(document)
    assert parse_spec(job.document()) == job
    message = job_spec_pb2.JobSpec.FromString(spec_to_message(job).SerializeToString())
    assert spec_from_message(message) == job


@pytest.mark.parametrize("weights", ["balanced", {"yes": 2.5, "no": 1.0}])
def test_class_weights_survive_the_trip(weights):
    data = {"train": "a.csv", "label": "y", "class_weights": weights}
    job = parse_spec({"data": data, "network": {"layers": [{}]}})
    assert job.data.class_weights == weights
    assert spec_from_message(spec_to_message(job)) == job


@given(documents())
def test_what_the_document_says_is_what_the_job_says(document):
    def said(part, whole):
        if isinstance(part, dict):
            return all(key in whole and said(value, whole[key]) for key, value in part.items())
        if isinstance(part, list):
            return len(part) == len(whole) and all(map(said, part, whole))
        return part == whole

    assert said(document, parse_spec(document).document())


moments = st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC))
metrics = st.dictionaries(texts, st.dictionaries(texts, st.floats(allow_nan=False)), max_size=3)
big = st.integers(0, 2**63)
jobs = st.builds(
    Job,
    id=texts,
    name=texts,
    state=st.sampled_from(JobState),
    created=moments,
    reason=st.text(max_size=20),
    confusion=metrics,
    version=big,
    steps=big,
    epoch=big,
    workers=st.integers(0, 2**32 - 1),
    max_workers=st.integers(1, 2**32 - 1),
    min_workers=st.integers(1, 2**32 - 1),
    metrics=metrics,
    weights_sha256=st.none() | st.just("") | st.just("ab" * 32),
    started=st.none() | moments,
    finished=st.none() | moments,
    samples_per_second=st.floats(allow_nan=False),
    events=big,
    loss_unit=st.text(max_size=20),
    labels=st.lists(texts, max_size=3).map(tuple),
)


@given(jobs)
def test_a_jobs_status_survives_its_message(job):
    message = training_pb2.Job.FromString(job_to_message(job).SerializeToString())
    assert job_from_message(message) == job


@given(st.builds(JobEvent, big, moments, texts, st.text(), jobs))
def test_an_event_survives_its_message(event):
    message = training_pb2.JobEvent.FromString(event_to_message(event).SerializeToString())
    assert event_from_message(message) == event


def test_every_state_of_a_job_has_its_word_on_the_wire():
    words = {name.removeprefix("JOB_STATE_") for name in training_pb2.JobState.keys()}  # noqa: SIM118
    assert words - {"UNSPECIFIED"} == set(JobState)


def test_a_status_keeps_no_tie_to_its_message():
    message = job_to_message(Job("a", "b", JobState.RUNNING, datetime.now(UTC), metrics={"train": {"loss": 1.0}}))
    job = job_from_message(message)
    message.metrics["train"].values["loss"] = 2.0
    assert job.metrics == {"train": {"loss": 1.0}}
