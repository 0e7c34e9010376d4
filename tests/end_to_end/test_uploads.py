"""Files that are uploaded, and jobs that train on them."""

import signal

import grpc
import pytest

from chainrule.client import Client
from chainrule.client.upload import Upload
from chainrule.v1.training_pb2_grpc import TrainingServiceStub
from chainrule.wire.errors import ChainruleError


def test_a_job_trains_on_what_was_uploaded_with_the_same_bits(service, job_file, digits_csv):
    dataset = service.json("upload", digits_csv, "--name", "digits")
    assert dataset in service.json("datasets")
    weights = set()
    for name, train in (("there", "dataset://digits"), ("here", str(digits_csv))):
        done = service.finish(service.submit(job_file(name, data={"train": train}, training={"epochs": 2})))
        assert done["state"] == "SUCCEEDED"
        weights.add(done["weights_sha256"])
    assert len(weights) == 1


def test_what_was_uploaded_needs_no_file_any_more(service, digits_csv, tmp_path):
    """It is described, has its job file written, is trained on, replayed and deleted, by its name alone."""
    service.run("upload", digits_csv, "--name", "images")
    described = service.json("describe", "dataset://images")
    assert described == service.json("describe", digits_csv) | {"source": "dataset://images"}
    text = service.run("init", "dataset://images", "--label", "label").stdout
    job = tmp_path / "images.toml"
    job.write_text(text.replace("epochs = 100", "epochs = 2"))
    service.run("check", job)
    job_id = service.submit(job)
    assert "is used by job" in service.run("datasets", "--delete", "images", code=2).stderr
    assert service.finish(job_id)["state"] == "SUCCEEDED"
    assert service.run("verify", job_id).stdout.startswith("OK: ")
    service.run("datasets", "--delete", "images")
    assert "images" not in [dataset["name"] for dataset in service.json("datasets")]
    for command in (("describe", "dataset://images"), ("submit", job), ("verify", job_id)):
        assert "there is no data set 'images'" in service.run(*command, code=2).stderr


def test_bad_data_is_told_by_its_name(service, job_file, tmp_path):
    (tmp_path / "bad.csv").write_text("a,b,label\n1,2,yes\n1,x,no\n3,4,no\n")
    service.run("upload", tmp_path / "bad.csv", "--name", "bad")
    job_id = service.submit(job_file(data={"train": "dataset://bad"}, training={"batch_size": 4}))
    service.run("watch", job_id, code=1)
    assert service.json("show", job_id)["reason"].startswith("dataset://bad: row 2, column 'b' is 'x', not a number")


def test_a_name_that_nobody_knows_is_refused_at_once(service, job_file):
    done = service.run("submit", job_file(data={"train": "dataset://nobody"}), code=2)
    assert "there is no data set 'nobody'" in done.stderr


def test_an_upload_goes_on_when_the_service_was_killed_in_its_midst(service_class, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(b"x,label\n" + b"1,2\n" * 2_000_000)
    service = service_class(tmp_path / "own" / "data")
    service.data_dir.mkdir(parents=True)
    service.start("--num-cpus", "1")
    upload = Upload(path, "rows", None)

    def until_killed():
        for number, request in enumerate(upload):
            if number == 5:
                service.process.send_signal(signal.SIGKILL)
            yield request

    with grpc.insecure_channel(service.address) as channel:
        answers = TrainingServiceStub(channel).UploadDataset(until_killed())
        upload.begin(next(answers).offset)
        with pytest.raises(grpc.RpcError):
            next(answers)
    service.end(signal.SIGKILL)
    service.start("--num-cpus", "1")
    try:
        with Client(service.address) as client:
            assert client.datasets() == []
            client.upload(path, "rows")
            assert [dataset.size for dataset in client.datasets()] == [path.stat().st_size]
            with pytest.raises(ChainruleError, match="is no name"):
                client.upload(path, "a/b")
    finally:
        service.end(signal.SIGTERM)
