"""Data shards made by tasks of a real Ray: the same bits as without it."""

import json
import subprocess
import sys

import numpy as np
import pytest

ON_RAY = """
import json, sys
import ray
from chainrule.data import dataset
from chainrule.data.dataset import load_dataset
from chainrule.wire.errors import InvalidData
from chainrule.wire.validation import parse_spec
from chainrule.worker.actor import RayTasks
from chainrule.worker import launcher
from chainrule.worker.launcher import connect

spec, bad = parse_spec(json.loads(sys.argv[1])), parse_spec(json.loads(sys.argv[2]))
dataset.GROUP_BYTES = 1 << 12
connect(None, 2)
summaries = [load_dataset(spec)[0]]
for at_once in (1, 3):
    summary, references = load_dataset(spec, RayTasks(at_once, here=True))
    summaries.append(summary)
launcher.LITTLE_BYTES = 0
summary, references = launcher._store_shards(spec, None)
summaries.append(summary)
shards = ray.get(references)
try:
    load_dataset(bad, RayTasks(2, here=True))
except InvalidData as error:
    refusal = str(error)
print(json.dumps({
    "summaries": [summary.document() for summary in summaries],
    "hashes": [shard.sha256 for shard in shards],
    "writeable": [shard.X.flags.writeable for shard in shards],
    "refusal": refusal,
}))
"""

ON_A_CLUSTER = """
import json, sys
import ray
from ray.cluster_utils import Cluster
from chainrule.data import dataset
from chainrule.data.dataset import load_dataset
from chainrule.wire.validation import parse_spec
from chainrule.worker.actor import RayTasks
from chainrule.worker.launcher import connect

dataset.GROUP_BYTES = 1 << 12
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
node = cluster.add_node(num_cpus=1)
connect(cluster.address, None)
summary, references = load_dataset(parse_spec(json.loads(sys.argv[1])), RayTasks(4, here=False))
places = ray.experimental.get_object_locations(references)
there = sum(place["node_ids"] == [node.node_id] for place in places.values())
cluster.remove_node(node, allow_graceful=False)
hashes = [shard.sha256 for shard in ray.get(references)]
print(json.dumps({"lost": there > 0, "same": hashes == list(summary.sha256_of_shards)}))
ray.shutdown()
cluster.shutdown()
"""


@pytest.fixture
def spec(tmp_path):
    """A job on three files, with words and missing numbers."""
    random = np.random.default_rng(0)
    for part in range(3):
        lines = [f"{random.normal():.6f},{random.integers(9) or ''},{'abc'[i % 3]},{i % 2}" for i in range(20_000)]
        (tmp_path / f"{part}.csv").write_text("x,y,word,label\n" + "\n".join(lines) + "\n")
    return {
        "data": {"train": str(tmp_path / "*.csv"), "label": "label", "missing": "median"},
        "network": {"layers": [{"units": 3}, {}]},
        "training": {"shards": 4, "batch_size": 64},
    }


def run(script, *documents):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, *map(json.dumps, documents)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_bits_of_shards_do_not_depend_on_how_many_tasks_make_them(spec, tmp_path):
    (tmp_path / "bad").mkdir()
    for part in range(3):
        rows = "1,2,a,0\n" * 99 + ("1,inf,a,1\n" if part == 1 else "1,2,a,1\n")
        (tmp_path / "bad" / f"{part}.csv").write_text("x,y,word,label\n" + rows)
    bad = spec | {"data": spec["data"] | {"train": str(tmp_path / "bad")}}
    seen = run(ON_RAY, spec, bad)
    inline, one, three, launched = seen["summaries"]
    assert inline == one == three == launched
    assert seen["hashes"] == inline["sha256_of_shards"]
    assert seen["writeable"] == [False] * 4
    assert seen["refusal"].endswith("1.csv: row 100, column 'y' is inf, which is not a finite float32 number")


def test_shards_are_made_anew_when_a_node_dies(spec):
    assert run(ON_A_CLUSTER, spec) == {"lost": True, "same": True}
