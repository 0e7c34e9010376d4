"""The whole path on real data: scikit-learn's handwritten digits, from a CSV file to predictions."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from chainrule.client.client import Client
from chainrule.client.display import follow
from chainrule.client.local_service import local_service
from chainrule.wire.errors import ChainruleError
from chainrule.wire.job import JobState, percent

GOAL = 0.96
"""The accuracy on held-out images below which the demo has failed."""

_JOB = """\
name = "digits"

[data]
train = "digits.csv"            # lies beside this file
label = "label"
validation_fraction = 0.1

[network]
loss = "cross_entropy"
layers = [{units = 128, activation = "relu"}, {activation = "softmax"}]  # the data says how many classes there are

[optimizer]
name = "adam"
learning_rate = 0.003

[training]
epochs = 40
batch_size = 64
shards = 4
seed = 0

[cluster]
min_workers = 1
max_workers = 2
"""


@dataclass(frozen=True)
class DemoResult:
    """What came out: how many of the held-out images were read rightly, by which model."""

    job: str
    right: int
    images: int
    model: str

    @property
    def accuracy(self) -> float:
        """The part of the images that was read rightly."""
        return self.right / self.images

    @property
    def good(self) -> bool:
        """Whether the goal was reached."""
        return self.accuracy >= GOAL

    def document(self) -> dict[str, Any]:
        """Return the result as plain data for JSON."""
        return asdict(self) | {"accuracy": self.accuracy}


def run(folder: Path, console: Console) -> DemoResult:
    """Train in a service of its own, tell what happens, and return what came out."""
    labels = write_files(folder)
    console.print(f"{folder}: digits.csv, held_out.csv ({len(labels)} images), digits.toml; starting a service ...")
    with local_service(folder) as service, Client(service.address) as client:
        console.print(f"Service on {service.address}, page on {service.http}")
        result = _train(client, folder, labels, console)
    console.print(f"Accuracy on {result.images} held-out images: {percent(result.accuracy)} ({result.right} right)")
    if not result.good:
        console.print(f"That is below the {GOAL:.0%} that were to be reached")
    console.print(f"Model: {result.model}")
    return result


def _train(client: Client, folder: Path, labels: list[str], console: Console) -> DemoResult:
    id = client.submit(folder / "digits.toml")
    console.print(f"Job {id}")
    job = follow(client.watch(id), console)
    if job is None or job.state is not JobState.SUCCEEDED:
        raise ChainruleError(f"the demo's job did not succeed; the service's log is {folder / 'service.log'}")
    model = client.download(id, folder / "model.safetensors")
    predicted = client.predict(id, folder / "held_out.csv").labels
    right = sum(p == label for p, label in zip(predicted, labels, strict=True))
    return DemoResult(id, right, len(labels), str(model))


def write_files(folder: Path) -> list[str]:
    """Write digits.csv, held_out.csv and digits.toml, and return the labels of the held-out images."""
    images, labels = _digits()
    folder.mkdir(parents=True, exist_ok=True)
    order = np.random.default_rng(0).permutation(len(labels))
    table, held_out = np.column_stack([images, labels])[order], len(labels) // 5
    header = ",".join([f"p{i}" for i in range(images.shape[1])] + ["label"])
    for name, rows in (("held_out.csv", table[:held_out]), ("digits.csv", table[held_out:])):
        np.savetxt(folder / name, rows, fmt="%d", delimiter=",", header=header, comments="")
    (folder / "digits.toml").write_text(_JOB, encoding="utf-8")
    return [str(int(label)) for label in table[:held_out, -1]]


def _digits() -> tuple[Any, Any]:
    """Return 1,797 images (rows, 64) of whole numbers 0..16, and what they show."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise ChainruleError("the demo needs scikit-learn: pip install 'chainrule[demo]'") from None
    digits = load_digits()
    return digits.data, digits.target
