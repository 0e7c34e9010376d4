"""Jobs on data in an S3 server, read by Ray tasks."""

import gzip

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from chainrule.worker.launcher import LITTLE_BYTES, PACKED

ROWS = 700_000


def write(folder):
    """Write rows.csv.gz, of which the launcher reads nothing itself, and held.parquet."""
    random = np.random.default_rng(0)
    x, label = random.integers(0, 10**9, ROWS), random.integers(0, 2, ROWS)
    lines = "".join(f"{value},{word}\n" for value, word in zip(x.tolist(), label.tolist(), strict=True))
    (folder / "rows.csv.gz").write_bytes(gzip.compress(f"x,label\n{lines}".encode(), 1))
    assert (folder / "rows.csv.gz").stat().st_size * PACKED > LITTLE_BYTES
    parquet.write_table(pa.table({"label": label[:999], "x": x[:999]}), folder / "held.parquet", row_group_size=100)


def test_a_job_on_objects_gives_the_same_bits_as_one_on_files(service, object_store, job_file, tmp_path):
    write(tmp_path)
    for name in ("rows.csv.gz", "held.parquet"):
        object_store.put(name, (tmp_path / name).read_bytes())
    described = service.json("describe", object_store.uri("held.parquet"))
    assert (described["rows"], described["format"]) == (999, "parquet")
    weights = set()
    for place in (object_store.uri, lambda name: str(tmp_path / name)):
        data = {"train": place("rows.csv.gz"), "validation": place("held.parquet"), "validation_fraction": 0}
        job = job_file(data=data, training={"epochs": 1, "batch_size": 1 << 16})
        done = service.finish(service.submit(job))
        assert done["state"] == "SUCCEEDED", done["reason"]
        weights.add(done["weights_sha256"])
    assert len(weights) == 1


def test_an_object_that_is_missing_fails_the_job_alone(service, object_store, job_file):
    job_id = service.submit(job_file(data={"train": object_store.uri("none.csv")}))
    service.run("watch", job_id, code=1)
    reason = service.json("show", job_id)["reason"]
    assert reason == f"cannot read {object_store.uri('none.csv')}: No such file or directory"
