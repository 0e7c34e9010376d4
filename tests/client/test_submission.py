"""What becomes of a job's files that the service cannot read."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.client.submission import dataset_name
from chainrule.wire.errors import InvalidJob, Violation
from chainrule.wire.messages import spec_from_message

ROWS = b"x,label\n1,a\n2,b\n"
SHA256 = hashlib.sha256(ROWS).hexdigest()
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def refusal(*fields):
    return InvalidJob([Violation(field, "is not readable by the service: cannot read it") for field in fields])


@pytest.fixture
def houses(tmp_path, monkeypatch):
    (tmp_path / "houses.csv").write_bytes(ROWS)
    (tmp_path / "held out.csv").write_bytes(ROWS)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "houses.csv"


def document(train="houses.csv", **data):
    return {"data": {"train": str(train), "label": "label"} | data, "network": {"layers": [{}]}}


def sent(remote):
    """The specifications that were submitted."""
    return [spec_from_message(request.spec) for request in remote.requests if hasattr(request, "spec")]


class TestSubmit:
    def test_uploads_a_file_that_the_service_cannot_read(self, client, remote, houses):
        remote.errors, said = [refusal("data.train")], []
        assert client.submit(document(), told=said.append) == "a1"
        [(header, content)] = remote.uploads
        assert (bytes(content), header.file_name, header.sha256) == (ROWS, "houses.csv", SHA256)
        assert said == [f"uploading houses.csv: the service at {client.address} cannot read it"]
        first, second = sent(remote)
        assert second.data.train == f"dataset://{header.name}"
        assert second.document() | {"data": None} == first.document() | {"data": None}
        assert len({request.request_id for request in remote.requests if hasattr(request, "spec")}) == 1

    def test_uploads_nothing_that_the_service_can_read(self, client, remote, houses):
        client.submit(document())
        assert remote.uploads == []

    def test_uploads_both_sources(self, client, remote, houses):
        remote.errors = [refusal("data.train", "data.validation")]
        client.submit(document(validation="held out.csv"))
        data = sent(remote)[-1].data
        names = [header.name for header, _ in remote.uploads]
        assert [data.train, data.validation] == [f"dataset://{name}" for name in names]
        assert names == [f"houses-{SHA256[:12]}", f"held-out-{SHA256[:12]}"]

    def test_uploads_only_the_source_that_is_refused(self, client, remote, houses):
        remote.errors = [refusal("data.validation")]
        client.submit(document("s3://bucket/rows.csv", validation="held out.csv"))
        assert len(remote.uploads) == 1
        assert sent(remote)[-1].data.train == "s3://bucket/rows.csv"

    @pytest.mark.parametrize(
        ("error", "train"),
        [
            (refusal("data.train"), "absent.csv"),
            (refusal("data.train"), "s3://bucket/houses.csv"),
            (refusal("training.batch_size"), "houses.csv"),
            (refusal("data.train", "training.batch_size"), "houses.csv"),
            (refusal(), "houses.csv"),
        ],
    )
    def test_raises_what_no_upload_helps_against(self, client, remote, houses, error, train):
        remote.errors = [error]
        with pytest.raises(InvalidJob) as caught:
            client.submit(document(train))
        assert caught.value.violations == error.violations
        assert remote.uploads == []

    def test_raises_where_it_shall_upload_nothing(self, client, remote, houses):
        remote.errors = [refusal("data.train")]
        with pytest.raises(InvalidJob, match="not readable by the service"):
            client.submit(document(), upload=False)
        assert remote.uploads == []

    @pytest.mark.parametrize("train", [".", "*.csv"])
    def test_says_of_a_folder_or_pattern_what_can_be_done(self, client, remote, houses, train):
        remote.errors = [refusal("data.train")]
        with pytest.raises(InvalidJob, match=r"put them into one file, or .*--data-root FOLDER"):
            client.submit(document(train))
        assert remote.uploads == []

    def test_does_not_part_images_from_their_labels(self, client, remote, houses):
        for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
            houses.with_name(name).touch()
        remote.errors = [refusal("data.train")]
        with pytest.raises(InvalidJob, match="names several files"):
            client.submit(document("t10k-images-idx3-ubyte"))


class TestCommand:
    @pytest.fixture
    def job(self, houses):
        path = houses.with_name("houses.json")
        path.write_text(json.dumps(document()))
        return path

    def test_says_on_stderr_what_it_uploads(self, run, remote, job, address):
        remote.errors = [refusal("data.train")]
        said = f"uploading houses.csv: the service at {address} cannot read it\n"
        assert run("submit", job) == (0, "a1\n", said)

    def test_says_it_in_the_document_in_json(self, run, remote, job):
        remote.errors = [refusal("data.train")]
        code, out, err = run("submit", job, "--json")
        assert (code, err) == (0, "")
        assert json.loads(out)["uploads"][0].startswith("uploading houses.csv: ")

    def test_refuses_where_it_shall_upload_nothing(self, run, remote, job):
        remote.errors = [refusal("data.train")]
        code, out, err = run("submit", job, "--no-upload")
        assert (code, out) == (2, "")
        assert err.startswith("Error: data.train is not readable by the service")


@given(st.text(min_size=1, max_size=300).filter(lambda name: "/" not in name and "\0" not in name), st.binary())
def test_a_name_is_one_that_the_service_takes_and_no_other_data_has(file_name, content):
    sha256 = hashlib.sha256(content).hexdigest()
    name = dataset_name(Path(file_name), sha256, {})
    assert NAME.fullmatch(name)
    assert dataset_name(Path(file_name), sha256, {name: sha256}) == name
    other = dataset_name(Path(file_name), sha256, {name: "0" * 64})
    assert NAME.fullmatch(other)
    assert other != name
