import json
from dataclasses import replace

from chainrule.client.documents import event_document, in_order, job_document
from chainrule.wire.layers import LayerFigures
from chainrule.wire.validation import parse_spec

SPEC = parse_spec({"data": {"train": "a.csv", "label": "y"}, "network": {"layers": [{"units": 3}, {}]}})


class TestDocuments:
    def test_of_a_job_has_these_keys(self, job):
        document = job_document(job)
        keys = "id name state reason version steps epoch workers min_workers max_workers metrics loss_unit labels"
        more = "confusion samples_per_second events blocked weights_sha256 created started finished layers health"
        assert list(document) == [*keys.split(), *more.split()]
        assert document["created"] == "2026-03-01T12:00:00.000Z"
        assert document["reason"] is document["weights_sha256"] is document["finished"] is None

    def test_of_a_job_has_its_specification_where_it_is_known(self, job):
        document = json.loads(json.dumps(job_document(replace(job, spec=SPEC))))
        assert parse_spec(document["spec"]) == SPEC
        assert "spec" not in job_document(job)

    def test_of_a_job_has_null_for_what_json_cannot_say(self, job):
        diverged = replace(job, metrics={"train": {"loss": float("nan")}})
        assert job_document(diverged)["metrics"] == {"train": {"loss": None}}

    def test_of_a_job_has_steps_as_whole_numbers_and_each_loss_by_its_name(self, job):
        metrics = {"train": {"loss": 2.0, "loss_steps": 100.0, "step": 5.0}, "best": {"step": 4.0, "loss": 3.0}}
        document = job_document(replace(job, metrics=metrics, loss_unit="mse, label²", labels=("price",)))
        assert json.dumps(document["metrics"]) == (
            '{"train": {"loss": 2.0, "loss_steps": 100, "step": 5}, "best": {"step": 4, "loss": 3.0}}'
        )
        assert (document["loss_unit"], document["labels"]) == ("mse, label²", ["price"])

    def test_classes_are_in_order_of_their_numbers_or_names(self):
        assert in_order(["10", "9", "-1"]) == ["-1", "9", "10"]
        assert in_order(["10", "9", "a"]) == ["10", "9", "a"]

    def test_of_an_event_has_the_job_in_it(self, remote):
        event = remote.events[3]
        assert event_document(event) == {
            "number": 4,
            "time": "2026-03-01T12:00:00.000Z",
            "kind": "checkpoint",
            "message": "version 50 is saved",
            "job": {name: value for name, value in job_document(event.job).items() if name not in ("layers", "health")},
        }

    def test_of_a_layer_has_null_for_what_is_not_known(self, job):
        learning = replace(job, layers=(LayerFigures(1, gradient_norm=0.5),))
        [layer] = job_document(learning)["layers"]
        assert (layer["layer"], layer["gradient_norm"], layer["dead_ratio"], layer["diagnosis"]) == (1, 0.5, None, None)
