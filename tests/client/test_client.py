import hashlib
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import grpc
import pytest

from chainrule.client import Client
from chainrule.client import client as client_module
from chainrule.client.connection import service_address
from chainrule.wire import errors
from chainrule.wire.errors import InvalidJob, Violation
from chainrule.wire.job import JobState
from chainrule.wire.messages import spec_from_message
from chainrule.wire.validation import parse_spec

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


@pytest.fixture
def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class TestAddress:
    def test_comes_from_the_argument_the_environment_or_the_default(self, monkeypatch):
        monkeypatch.delenv("CHAINRULE_SERVER", raising=False)
        assert service_address() == "127.0.0.1:50051"
        monkeypatch.setenv("CHAINRULE_SERVER", "trainer:1234")
        assert service_address() == "trainer:1234"
        assert service_address("[::1]:99") == "[::1]:99"

    @pytest.mark.parametrize("address", ["trainer", "http://trainer:1", ":50051", "trainer:port", "trainer:"])
    def test_that_is_not_host_and_port_is_refused(self, address):
        with pytest.raises(ValueError, match="must be HOST:PORT"):
            Client(address)


class TestSubmit:
    def test_takes_a_document_a_spec_and_a_file(self, client, remote, job_document, tmp_path):
        (tmp_path / "digits.csv").touch()
        file = tmp_path / "digits.toml"
        file.write_text('[data]\ntrain = "digits.csv"\nlabel = "label"\n[network]\nlayers = [{}]\n')
        for spec in (job_document, parse_spec(job_document), file, str(file)):
            assert client.submit(spec) == "a1"
        received = [spec_from_message(request.spec) for request in remote.requests]
        assert received[0] == received[1] == parse_spec(job_document)
        assert received[2] == received[3]
        assert received[2].data.train == str(tmp_path / "digits.csv")

    def test_sends_the_given_request_id_or_a_new_one(self, client, remote, job_document):
        for request_id in ("mine", None, None):
            client.submit(job_document, request_id=request_id)
        mine, first, second = (request.request_id for request in remote.requests)
        assert mine == "mine"
        assert first
        assert second
        assert first != second

    def test_repeats_the_same_request_while_the_service_is_away(self, client, remote, job_document):
        remote.errors = [errors.ServiceUnavailable("the service is starting")] * 2
        assert client.submit(job_document) == "a1"
        assert len({request.request_id for request in remote.requests}) == 1
        assert len(remote.requests) == 3

    def test_refuses_a_wrong_job_before_it_is_sent(self, client, remote):
        with pytest.raises(InvalidJob, match="data is missing"):
            client.submit({})
        assert remote.requests == []

    def test_gives_the_services_violations(self, client, remote, job_document):
        remote.errors = [InvalidJob([Violation("training.batch_size", "is too large"), Violation("data.train", "no")])]
        with pytest.raises(InvalidJob) as caught:
            client.submit(job_document)
        assert [violation.path for violation in caught.value.violations] == ["training.batch_size", "data.train"]


class TestJobs:
    def test_get_gives_the_job(self, client, remote):
        assert client.get("a1") == remote.jobs["a1"]

    def test_list_walks_all_pages(self, client, remote):
        job = remote.jobs["a1"]
        remote.jobs = {f"a{i}": replace(job, id=f"a{i}") for i in range(5)}
        assert [job.id for job in client.list()] == ["a0", "a1", "a2", "a3", "a4"]
        assert len(remote.requests) == 3

    def test_cancel_gives_the_cancelled_job(self, client):
        assert client.cancel("a1").state is JobState.CANCELLED

    def test_pause_resume_and_scale_give_the_job_as_it_is_then(self, client, remote):
        assert client.pause("a1").state is JobState.PAUSED
        assert client.resume("a1").state is JobState.QUEUED
        assert client.scale("a1", 3).max_workers == 3
        assert [request.job_id for request in remote.requests] == ["a1"] * 3

    def test_what_may_be_repeated_is_repeated_while_the_service_is_away(self, client, remote):
        for call in (client.pause, client.resume, lambda id: client.scale(id, 2)):
            remote.errors = [errors.ServiceUnavailable("the service is starting")]
            call("a1")
        assert len(remote.requests) == 6

    def test_a_pause_may_take_longer_than_other_calls(self, client, remote):
        client.pause("a1"), client.resume("a1")
        assert remote.deadlines == pytest.approx([client_module.PAUSE_SECONDS, client.timeout], abs=2)

    def test_errors_are_the_services(self, client, remote):
        calls = (client.get, client.cancel, client.pause, client.resume, lambda id: client.scale(id, 2), client.delete)
        for call in (*calls, lambda id: next(client.watch(id))):
            with pytest.raises(errors.JobNotFound, match="there is no job a9"):
                call("a9")
        remote.errors = [errors.JobNotFinished("a1 is RUNNING")]
        with pytest.raises(errors.JobNotFinished, match="a1 is RUNNING"):
            client.delete("a1")

    def test_nobody_there_is_said_with_the_address(self, free_port):
        with (
            Client(f"127.0.0.1:{free_port}") as client,
            pytest.raises(errors.ServiceUnavailable, match=f"{free_port} .connection refused.; `chainrule serve`"),
        ):
            client.cancel("a1")

    def test_a_service_that_never_answers_ends_in_a_deadline(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            with Client(f"127.0.0.1:{port}", timeout=0.2) as client, pytest.raises(errors.DeadlineExceeded):
                client.get("a1")


class TestWatch:
    def test_yields_the_events_and_ends_behind_the_final_state(self, client, remote):
        assert list(client.watch("a1")) == remote.events
        assert list(client.watch("a1", after=3)) == remote.events[3:]

    def test_goes_on_without_a_gap_after_a_cut(self, client, remote):
        remote.cuts = [(2, UNAVAILABLE), (0, UNAVAILABLE), (1, UNAVAILABLE)]
        assert list(client.watch("a1")) == remote.events
        assert [request.after for request in remote.requests] == [0, 2, 2, 3]

    def test_goes_on_after_the_streams_deadline(self, client, remote, monkeypatch):
        monkeypatch.setattr(client_module, "WATCH_SECONDS", 0.2)
        remote.cuts = [(2, "silence"), (1, "silence")]
        assert list(client.watch("a1")) == remote.events

    def test_goes_on_after_an_end_that_is_none(self, client, remote):
        remote.cuts = [(2, None)]
        assert list(client.watch("a1")) == remote.events

    def test_ends_where_there_is_nothing_more_to_come(self, client, remote):
        remote.jobs["a1"] = remote.events[-1].job
        assert list(client.watch("a1", after=5)) == []

    def test_survives_a_restart_of_the_service(self, remote, serve):
        server, port = serve(remote)
        remote.cuts = [(2, "silence")]
        with Client(f"127.0.0.1:{port}", timeout=5) as client:
            events = client.watch("a1")
            seen = [next(events), next(events)]
            remote.changed.set()
            server.stop(0).wait()
            restart = threading.Timer(0.5, serve, [remote, port])
            restart.start()
            assert seen + list(events) == remote.events
            restart.join()

    def test_gives_up_when_the_service_stays_away(self, remote, serve):
        server, port = serve(remote)
        remote.cuts = [(1, "silence")]  # or all the rest may be on its way when the server stops
        with Client(f"127.0.0.1:{port}", timeout=0.3) as client:
            events = client.watch("a1")
            assert next(events) == remote.events[0]
            stopped = server.stop(0)
            remote.changed.set()
            stopped.wait()
            with pytest.raises(errors.ServiceUnavailable):
                list(events)

    def test_may_be_left_at_any_time(self, client, remote):
        remote.cuts = [(2, "silence")]
        events = client.watch("a1")
        next(events)
        events.close()
        assert client.get("a1")


class TestDownload:
    def test_writes_the_model(self, client, remote, tmp_path):
        target = tmp_path / "model.safetensors"
        target.write_bytes(b"an older one")
        assert client.download("a1", target) == target
        assert target.read_bytes() == remote.model
        assert list(tmp_path.iterdir()) == [target]

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"model_sha256": hashlib.sha256(b"").hexdigest()}, "another SHA-256"),
            ({"model": b"cut"}, "3 of 2304000 bytes"),
        ],
    )
    def test_writes_nothing_that_is_not_whole(self, client, remote, tmp_path, change, words):
        for name, value in change.items():
            setattr(remote, name, value)
        with pytest.raises(errors.ChainruleError, match=words):
            client.download("a1", tmp_path / "model")
        assert list(tmp_path.iterdir()) == []

    def test_writes_into_a_pipe_and_leaves_it_a_pipe(self, client, remote, tmp_path):
        target = tmp_path / "pipe"
        os.mkfifo(target)
        with ThreadPoolExecutor(1) as executor:
            read = executor.submit(target.read_bytes)
            client.download("a1", target)
            assert read.result() == remote.model
        assert target.is_fifo()

    def test_leaves_an_older_file_alone_when_there_is_no_model(self, client, remote, tmp_path):
        target = tmp_path / "model"
        target.write_bytes(b"an older one")
        remote.errors = [errors.ModelNotFound("a1 has no checkpoint yet")]
        with pytest.raises(errors.ModelNotFound):
            client.download("a1", target)
        assert target.read_bytes() == b"an older one"
        assert list(tmp_path.iterdir()) == [target]

    def test_names_a_folder_that_is_not_there(self, client, tmp_path):
        with pytest.raises(FileNotFoundError, match="nowhere'"):
            client.download("a1", tmp_path / "nowhere" / "model")


def test_a_record_is_read_step_by_step(client):
    with client.record("a1") as (header, steps):
        assert (header.job.id, header.data_sha256, header.machines) == ("a1", "5eed", ("a machine",))
        assert [step.version for step in steps] == [0, 1, 2, 3, 4]
    with client.record("a1", 2, 3) as (_, steps):
        assert [step.version for step in steps] == [2, 3]


def test_a_receipt_is_a_document(client):
    assert client.receipt("a1") == {"result": {"steps": 100}}
