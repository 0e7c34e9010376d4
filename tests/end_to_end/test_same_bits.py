"""The trained weights depend on the job and its data alone, not on how many workers took part."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from chainrule.data.dataset import load_dataset
from chainrule.data.shards import RowOrder
from chainrule.nn import initialize
from chainrule.wire.validation import parse_spec

TRAINING = {"epochs": 3, "batch_size": 120, "shards": 6}


@pytest.mark.parametrize(("optimizer", "numbers"), [("sgd", (1, 2, 3)), ("adam", (1, 3))])
def test_any_number_of_workers_gives_the_same_hash(service, job_file, optimizer, numbers):
    hashes = set()
    for workers in numbers:
        cluster = {"min_workers": workers, "max_workers": workers}
        fields = {"name": optimizer, "learning_rate": 0.01}
        job = job_file(f"{optimizer}-{workers}", optimizer=fields, training=TRAINING, cluster=cluster)
        done = service.finish(service.submit(job))
        assert done["state"] == "SUCCEEDED"
        hashes.add(done["weights_sha256"])
    assert len(hashes) == 1
    verdict = service.json("verify", done["id"])
    assert (verdict["same"], verdict["weights_sha256"]) == (True, done["weights_sha256"])


def test_it_is_plain_gradient_descent(service, job_file, tmp_path):
    path = job_file("plain", training=TRAINING, cluster={"max_workers": 3})
    job_id = service.submit(path)
    assert service.finish(job_id)["state"] == "SUCCEEDED"
    service.run("download", job_id, "-o", tmp_path / "model.safetensors")
    ours = load_file(tmp_path / "model.safetensors")

    for name, expected in plain_gradient_descent(path).items():
        np.testing.assert_allclose(ours[name], expected, rtol=2e-4, atol=2e-5, err_msg=name)


def plain_gradient_descent(path):
    """Train in one process, in float64, on whole batches, with formulas of its own; no shards, no tree, no server."""
    import json

    spec = parse_spec(json.loads(path.read_text()))
    summary, shards = load_dataset(spec)
    theta = initialize(summary.network(spec), spec.training.seed)
    W1, B1, W2, B2 = (array.astype(np.float64) for _, array in theta.named())
    orders = [RowOrder(spec.training.seed, k, len(shard.X), spec.rows_per_shard) for k, shard in enumerate(shards)]
    for version in range(summary.steps(spec)):
        rows = [order.rows(*divmod(version, summary.steps_per_epoch(spec))) for order in orders]
        X = np.concatenate([shard.X[own] for shard, own in zip(shards, rows, strict=True)]).astype(np.float64)
        y = np.concatenate([shard.Y[own] for shard, own in zip(shards, rows, strict=True)])
        hidden = np.maximum(X @ W1.T + B1, 0)
        logits = hidden @ W2.T + B2
        a = np.exp(logits - logits.max(axis=1, keepdims=True))
        a /= a.sum(axis=1, keepdims=True)
        d2 = (a - np.eye(10)[y]) / len(X)
        d1 = (d2 @ W2) * (hidden > 0)
        for parameter, gradient in ((W2, d2.T @ hidden), (B2, d2.sum(0)), (W1, d1.T @ X), (B1, d1.sum(0))):
            parameter -= spec.optimizer.learning_rate * gradient
    return {"W1": W1, "B1": B1, "W2": W2, "B2": B2}


def test_other_losses_and_optimizers_train_too(service, job_file):
    network = {
        "layers": [{"units": 32, "activation": "gelu", "initializer": "glorot_uniform"}, {}],
        "label_smoothing": 0.1,
    }
    optimizer = {"name": "adamw", "learning_rate": 0.01, "weight_decay": 0.01}
    hashes = set()
    for workers in (1, 2):
        cluster = {"max_workers": workers}
        job = job_file(
            f"gelu-{workers}", network=network, optimizer=optimizer, cluster=cluster, training={"epochs": 10}
        )
        done = service.finish(service.submit(job))
        assert done["state"] == "SUCCEEDED"
        assert done["metrics"]["validation"]["accuracy"] >= 0.95
        hashes.add(done["weights_sha256"])
    assert len(hashes) == 1


def test_a_job_that_drops_out_reduces_and_stops_early_has_the_same_bits(service, job_file):
    network = {"layers": [{"units": 64, "dropout": 0.3}, {}], "input_dropout": 0.1}
    ends = set()
    for workers in (1, 3):
        job = job_file(
            f"early-{workers}",
            network=network,
            optimizer={"name": "adam", "learning_rate": 0.01},
            regularization={"l2": 1e-4, "max_norm": 4.0},
            clipping={"global_norm": 5.0},
            schedule={"name": "plateau", "patience": 2, "warm_up": 10},
            early_stopping={"metric": "validation_accuracy", "patience": 4},
            training={"epochs": 200},
            cluster={"min_workers": workers, "max_workers": workers},
        )
        done = service.finish(service.submit(job))
        assert done["state"] == "SUCCEEDED"
        assert done["version"] < done["steps"]
        assert "stopped early" in done["reason"]
        assert done["metrics"]["validation"]["accuracy"] >= 0.95
        ends.add((done["weights_sha256"], done["reason"]))
    assert len(ends) == 1


def test_a_narrow_wire_has_bits_of_its_own_which_no_transport_changes(service, job_file):
    hashes = set()
    for workers, shared in ((1, True), (3, False), (2, True)):
        cluster = {"min_workers": workers, "max_workers": workers, "shared_memory": shared}
        job = job_file(f"narrow-{workers}", training=TRAINING | {"epochs": 8, "wire": "bfloat16"}, cluster=cluster)
        done = service.finish(service.submit(job))
        assert (done["state"], done["metrics"]["validation"]["accuracy"] >= 0.9) == ("SUCCEEDED", True)
        hashes.add(done["weights_sha256"])
    assert len(hashes) == 1
    assert service.json("verify", done["id"])["weights_sha256"] in hashes
