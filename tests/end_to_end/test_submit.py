"""A newcomer's first `submit`, to a service that reads another folder than the one the file lies in."""

import json
import signal

import pytest

from chainrule.client import Client
from chainrule.wire.errors import InvalidJob, JobAmbiguous


@pytest.fixture(scope="module")
def remote(service_class, tmp_path_factory):
    """A service that reads a folder of its own only, with one CPU."""
    folder = tmp_path_factory.mktemp("remote")
    service = service_class(folder / "data")
    (folder / "inside").mkdir()
    service.data_dir.mkdir()
    service.start("--num-cpus", "1", "--data-root", str(folder / "inside"))
    yield service
    service.end(signal.SIGTERM)


def test_a_file_that_only_the_client_can_read_is_uploaded_once_and_trained_on(remote, job_file, digits_csv):
    path = job_file("houses", training={"epochs": 1})
    done = remote.run("submit", path)
    assert done.stderr == f"uploading digits.csv: the service at {remote.address} cannot read it\n"
    first = remote.finish(done.stdout.strip())
    second = remote.finish(remote.submit(path))
    [dataset] = remote.json("datasets")
    assert dataset["name"].startswith("digits-")
    assert first["spec"]["data"]["train"] == second["spec"]["data"]["train"] == f"dataset://{dataset['name']}"
    assert (first["state"], first["weights_sha256"]) == ("SUCCEEDED", second["weights_sha256"])
    assert first["spec"]["training"]["epochs"] == 1
    with Client(remote.address) as client:
        with pytest.raises(InvalidJob, match="is not readable by the service"):
            client.submit(path, upload=False)
        for word in (first["id"], first["id"][:5]):
            assert client.get(word).id == first["id"]
        with pytest.raises(JobAmbiguous):
            client.get("houses")
        client.delete(second["id"][:6])
        assert client.get("houses").id == first["id"]
        assert client.predict("houses", digits_csv).values.shape == (1797, 10)
    assert remote.run("receipt", "houses", "--json").stdout.startswith('{"job": "')


def test_a_job_that_cannot_run_says_so_while_it_waits(remote, job_file):
    first = remote.submit(job_file("long", training={"epochs": 1_000_000}))
    waiting = remote.submit(job_file("wrong", data={"label": "lable"}))
    blocked = next(event for event in remote.follow(waiting) if event["job"]["blocked"])
    assert "no column 'lable', the label" in blocked["message"]
    shown = remote.json("show", waiting)
    assert (shown["state"], shown["health"]["word"]) == ("QUEUED", "cannot run")
    for job in (first, waiting):
        remote.run("cancel", job)


def test_an_error_is_json_where_json_is_asked_for(remote):
    error = json.loads(remote.run("show", "nobody", "--json", code=2).stderr)["error"]
    assert error["code"] == "JobNotFound"
