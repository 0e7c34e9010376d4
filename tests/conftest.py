"""What tests of several folders share: one real service with one Ray for the whole run, and real data."""

import io
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from pyarrow import fs
from sklearn.datasets import load_digits

from chainrule.client import Client
from chainrule.client.documents import event_document
from chainrule.server.main import group, invoke
from chainrule.wire.faults import VARIABLE

settings.register_profile(
    "chainrule", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], max_examples=60
)
settings.load_profile("chainrule")

COMMAND = (sys.executable, "-m", "chainrule.server")


@pytest.hookimpl(tryfirst=True)  # before what reads the mark
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests run in several processes, keep those that share the service, and so its Ray, in one of them."""
    for item in items:
        if "service" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("service"))


@dataclass
class Service:
    """A `chainrule serve` process, driven from the outside."""

    data_dir: Path
    address: str = ""
    http: str = ""
    process: subprocess.Popen[str] = field(init=False)

    def launch(self, *options: str, fail_at: str = "") -> None:
        """Start the process, without waiting for it; it and its children fail at points as CHAINRULE_FAIL_AT says."""
        log = (self.data_dir.parent / "service.log").open("a")
        ports = ("--port", "0", "--http-port", "0")
        options = options if "--data-root" in options else (*options, "--data-root", "/")
        self.process = subprocess.Popen(
            [*COMMAND, "serve", "--json", "--data-dir", str(self.data_dir), *ports, *options],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ | {VARIABLE: fail_at},
        )
        log.close()

    def start(self, *options: str, fail_at: str = "") -> None:
        """Start the process and wait until it serves."""
        self.launch(*options, fail_at=fail_at)
        line = self.process.stdout.readline()
        assert line, (self.data_dir.parent / "service.log").read_text()
        self.address, self.http = (json.loads(line)[key] for key in ("address", "http"))

    def end(self, signal_number: int) -> int:
        self.process.send_signal(signal_number)
        return self.ended()

    def ended(self) -> int:
        """Wait until the process has ended, and return its exit code."""
        code = self.process.wait(60)
        self.process.stdout.close()
        return code

    def run(self, *arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command of the command line against this service, in this process, and check its exit code."""
        words, out, err = ["--server", self.address, *map(str, arguments)], io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            done = subprocess.CompletedProcess(words, invoke(group, words))
        done.stdout, done.stderr = out.getvalue(), err.getvalue()
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        return done

    def json(self, *arguments: str) -> dict:
        return json.loads(self.run(*arguments, "--json").stdout)

    def fails_to_serve(self, *options: str) -> str:
        """Start another service that must refuse, and return its one sentence."""
        done = subprocess.run([*COMMAND, "serve", *options], capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stderr.count("Error: "), "Traceback" in done.stderr) == (1, 1, False), done.stderr
        return done.stderr

    def submit(self, job: Path, *options: str) -> str:
        return self.json("submit", job, *options)["id"]

    def finish(self, job_id: str) -> dict:
        """Watch a job to its end and return what is known of it."""
        self.run("watch", job_id)
        return self.json("show", job_id)

    def follow(self, job_id: str) -> Iterator[dict]:
        """Yield a job's events as they come, from the present one on."""
        with Client(self.address) as client:
            present = max(0, client.get(job_id).events - 1)
            with closing(client.watch(job_id, after=present)) as events:
                yield from map(event_document, events)

    def metrics(self) -> str:
        with urlopen(f"{self.http}/metrics", timeout=10) as answer:
            return answer.read().decode()


@pytest.fixture(scope="session")
def service(tmp_path_factory, worker_id) -> Iterator[Service]:
    """One service, whose embedded Ray counts 4 CPUs."""
    if worker_id != "master":
        (tmp_path_factory.getbasetemp().parent / "service").touch(exist_ok=False)  # one for all processes of this run
    service = Service(tmp_path_factory.mktemp("service") / "data")
    service.start("--num-cpus", "4")
    yield service
    service.end(signal.SIGTERM)


@pytest.fixture(scope="session")
def service_class() -> type[Service]:
    """For a test that needs another service than the common one."""
    return Service


class ObjectStore:
    """An S3 server on this machine, with one bucket; `options` let a URI point to it."""

    def __init__(self) -> None:
        from moto.server import ThreadedMotoServer

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self.server.start()
        self.address = ":".join(map(str, self.server.get_host_and_port()))
        self.options = f"?endpoint_override={self.address}&scheme=http&region=us-east-1"
        self.files = fs.S3FileSystem(
            access_key="key",
            secret_key="secret",
            endpoint_override=self.address,
            scheme="http",
            region="us-east-1",
            allow_bucket_creation=True,
        )
        self.files.create_dir("bucket")

    def put(self, path: str, content: bytes) -> None:
        with self.files.open_output_stream(f"bucket/{path}", compression=None) as file:
            file.write(content)

    def uri(self, path: str) -> str:
        return f"s3://anonymous@bucket/{path}{self.options}"

    def check_keys(self, *, wanted: bool) -> None:
        """Let everybody in, or only those who have keys; nobody has."""
        url, plain = f"http://{self.address}/moto-api/reset-auth", {"Content-Type": "text/plain"}
        urlopen(Request(url, b"0" if wanted else b"inf", plain, method="POST"), timeout=10).close()


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    store = ObjectStore()
    yield store
    store.server.stop()


@pytest.fixture(scope="session")
def object_store_class() -> type[ObjectStore]:
    """For a test that ends its server."""
    return ObjectStore


@pytest.fixture(scope="session")
def digits_csv(tmp_path_factory) -> Path:
    """scikit-learn's 1,797 images of handwritten digits."""
    path = tmp_path_factory.mktemp("digits") / "digits.csv"
    digits = load_digits()
    header = ",".join([f"p{i}" for i in range(64)] + ["label"])
    table = np.column_stack([digits.data, digits.target])
    np.savetxt(path, table, fmt="%d", delimiter=",", header=header, comments="")
    return path


@pytest.fixture
def job_file(tmp_path, digits_csv):
    """Write a job file; `training` and `cluster` replace fields of these sections."""

    def write(name: str = "digits", data: dict | None = None, **sections: dict) -> Path:
        document = {
            "name": name,
            "data": {"train": str(digits_csv), "label": "label", "validation_fraction": 0.2} | (data or {}),
            "network": {
                "loss": "cross_entropy",
                "layers": [{"units": 64, "activation": "relu"}, {"activation": "softmax"}],
            },
            "optimizer": {"name": "sgd", "learning_rate": 0.1},
            "training": {"epochs": 20, "batch_size": 128, "shards": 4, "seed": 0},
            "cluster": {"min_workers": 1, "max_workers": 2},
        }
        for section, fields in sections.items():
            document[section] = document.get(section, {}) | fields
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(document))
        return path

    return write
