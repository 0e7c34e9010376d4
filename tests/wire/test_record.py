from datetime import UTC, datetime

from chainrule.wire.job import Job, JobState
from chainrule.wire.record import RecordHeader, StepRecord
from chainrule.wire.validation import parse_spec


def test_a_step_survives_the_trip():
    partials = ((0, 2, b"a" * 16), (2, 3, b"b" * 16))
    for step in (StepRecord(7, 0.1), StepRecord(2**40, 1 / 3, bytes(range(16)), partials)):
        assert StepRecord.from_message(step.message()) == step


def test_a_header_survives_the_trip():
    spec = parse_spec({"data": {"train": "a.csv", "label": "y"}, "network": {"layers": [{}]}})
    job = Job("a1", "digits", JobState.RUNNING, datetime(2026, 3, 1, tzinfo=UTC), version=3, steps=9)
    header = RecordHeader(spec, job, "5eed", ("AMD EPYC, 2.4.6, openblas",))
    assert RecordHeader.from_message(header.message()) == header
