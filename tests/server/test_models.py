import asyncio
import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from chainrule.client.predictions import read_rows
from chainrule.server.models import Models, predictions
from chainrule.server.records import Records
from chainrule.server.run import Run
from chainrule.wire.errors import InvalidData, ModelNotFound


@pytest.fixture
def trained(board, spec, tmp_path, thread_launcher):
    async def scenario():
        job_id = (await board.create(spec.document(), None)).id
        await Run(job_id, board, thread_launcher(), tmp_path / job_id, workers=1).execute()
        return job_id

    return asyncio.run(scenario())


def download(board, job_id):
    return asyncio.run(Models(board).file(job_id))


def arrow(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def test_a_model_comes_with_its_version_and_hash(board, trained):
    version, sha256, content = download(board, trained)
    assert version == board.store.job(trained).version
    assert sha256 == hashlib.sha256(content).hexdigest()


def test_a_job_without_a_checkpoint_has_no_model(board, spec):
    job_id = asyncio.run(board.create(spec.document(), None)).id
    with pytest.raises(ModelNotFound, match="no checkpoint yet"):
        download(board, job_id)


@pytest.mark.parametrize("damage", ["a bit", "gone"])
def test_a_damaged_file_is_neither_given_out_nor_predicted_from(board, trained, tmp_path, damage):
    (path,) = (tmp_path / trained).glob("*/model.safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    if damage == "gone":
        path.unlink()
    for use in (Models(board).file, Models(board).model):
        with pytest.raises(ModelNotFound, match=r"damaged|cannot be read"):
            asyncio.run(use(trained))


def predicted(board, trained, *batches):
    """The outputs of each batch; the next one is sent when one is there."""

    async def scenario():
        model, outputs, there = await Models(board).model(trained), [], asyncio.Semaphore(1)

        async def sent():
            for batch in batches:
                await there.acquire()
                yield batch

        async for part in predictions(model, sent()):
            outputs.append(part)
            there.release()
        return outputs

    return asyncio.run(scenario())


def test_rows_are_predicted_by_column_name(board, spec, trained):
    header = asyncio.run(Records(board).header(trained))
    table = pa.concat_tables(read_rows(Path(spec.data.train), header))
    (outputs,) = predicted(board, trained, arrow(table))
    assert outputs.shape == (120, 2)
    assert (
        predicted(board, trained, arrow(table.select(["c", "b", "a"]).append_column("label", pa.array(["?"] * 120))))[0]
        == outputs
    ).all()
    with pytest.raises(InvalidData, match="no column 'b'"):
        predicted(board, trained, arrow(table.drop(["b"])))


def test_batches_are_answered_in_their_order(board, spec, trained):
    """Many short ones behind a long one."""

    async def scenario(sizes):
        model = await Models(board).model(trained)

        async def sent():
            for i, size in enumerate(sizes):
                yield arrow(pa.table({name: [float(i)] * size for name in "abc"}))

        return [part async for part in predictions(model, sent())]

    sizes = [50_000, *range(1, 9)]
    parts = asyncio.run(scenario(sizes))
    assert [len(part) for part in parts] == sizes
    for i, part in enumerate(parts):
        (alone,) = predicted(board, trained, arrow(pa.table({name: [float(i)] for name in "abc"})))
        np.testing.assert_allclose(part, np.repeat(alone, sizes[i], axis=0), rtol=1e-5)


def test_a_wrong_row_is_counted_from_the_first_of_all_batches(board, spec, trained):
    good = pa.table({name: [1.0] * 400 for name in "abc"})
    table = pa.table({"a": ["1", "2", "x"], "b": [1, 2, 3], "c": [1, 2, 3]})
    with pytest.raises(InvalidData, match="row 803, column 'a' is 'x', not a number"):
        predicted(board, trained, arrow(good), arrow(good), arrow(table), arrow(good))


def test_bytes_that_are_no_arrow_stream_are_refused(board, trained):
    with pytest.raises(InvalidData, match="no Arrow stream"):
        predicted(board, trained, b"no arrow")


def test_whoever_leaves_in_the_middle_leaves_nothing_behind(board, trained):
    async def scenario():
        taken = 0

        async def endless():
            nonlocal taken
            while True:
                taken += 1
                yield arrow(pa.table({name: [1.0] for name in "abc"}))

        before = asyncio.all_tasks()
        stream = predictions(await Models(board).model(trained), endless())
        assert len(await anext(stream)) == 1
        await stream.aclose()
        assert taken <= 4
        await asyncio.wait_for(asyncio.gather(*(asyncio.all_tasks() - before), return_exceptions=True), 10)

    asyncio.run(scenario())
