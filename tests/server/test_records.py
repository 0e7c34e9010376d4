import asyncio
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from chainrule.server import records
from chainrule.server.records import Records
from chainrule.server.run import Run
from chainrule.wire.errors import InvalidData, JobNotFinished, JobNotFound


@pytest.fixture
def trained(board, spec, tmp_path, thread_launcher):
    async def scenario():
        job_id = (await board.create(spec.document(), None)).id
        await Run(job_id, board, thread_launcher(), tmp_path / job_id, workers=2).execute()
        return job_id

    return asyncio.run(scenario())


def steps(board, job_id, first, last):
    async def collect():
        return [step async for step in Records(board).steps(job_id, first, last)]

    return asyncio.run(collect())


@pytest.mark.parametrize("page", [1, 7, 1000])
def test_steps_come_in_order_from_any_part_of_the_record(board, trained, monkeypatch, page):
    monkeypatch.setattr(records, "PAGE", page)
    last = board.store.job(trained).steps
    assert [step.version for step in steps(board, trained, 0, last)] == list(range(last))
    assert [step.version for step in steps(board, trained, 5, 9)] == [5, 6, 7, 8, 9]
    assert steps(board, trained, last, last + 5) == []


def test_the_header_tells_the_data_and_the_machines(board, spec, trained):
    header = asyncio.run(Records(board).header(trained))
    assert header.spec == spec
    assert header.data_sha256 == hashlib.sha256(Path(spec.data.train).read_bytes()).hexdigest()
    (machine,) = header.machines
    assert f", NumPy {np.__version__}, " in machine


def test_a_receipt_has_all_that_the_result_depends_on(board, spec, trained):
    receipt = asyncio.run(Records(board).receipt(trained))
    assert json.loads(json.dumps(receipt)) == receipt
    assert receipt["spec"] == spec.document()
    assert receipt["result"]["weights_sha256"] == board.store.job(trained).weights_sha256
    losses = [loss for _, loss in board.store.losses(trained)]
    assert receipt["result"]["losses_sha256"] == hashlib.sha256(np.array(losses, "<f8").tobytes()).hexdigest()
    assert [shard["rows"] for shard in receipt["data"]["shards"]] == [24, 24, 24, 24]
    assert len({shard["sha256"] for shard in receipt["data"]["shards"]}) == 4
    assert receipt["software"]["numpy"] == np.__version__
    assert receipt["survived"] == {"starts": 1}


def test_before_its_end_a_job_has_no_receipt_and_before_its_data_no_record(board, spec):
    job_id = asyncio.run(board.create(spec.document(), None)).id
    with pytest.raises(JobNotFinished, match="is QUEUED"):
        asyncio.run(Records(board).receipt(job_id))
    with pytest.raises(InvalidData, match="has not been read"):
        asyncio.run(Records(board).header(job_id))
    with pytest.raises(JobNotFound):
        asyncio.run(Records(board).receipt("nobody"))
