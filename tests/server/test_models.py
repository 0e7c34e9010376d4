import asyncio
import hashlib
from pathlib import Path

import pyarrow as pa
import pytest

from chainrule.client.predictions import read_rows
from chainrule.server.models import Models, predict
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


def test_rows_are_predicted_by_column_name(board, spec, trained):
    async def scenario(table):
        return await predict(await Models(board).model(trained), arrow(table), 1)

    table = pa.concat_tables(read_rows(Path(spec.data.train), spec))
    outputs = asyncio.run(scenario(table))
    assert outputs.shape == (120, 2)
    assert (asyncio.run(scenario(table.select(["c", "label", "b", "a"]))) == outputs).all()
    with pytest.raises(InvalidData, match="no column 'b'"):
        asyncio.run(scenario(table.drop(["b"])))


def test_a_wrong_row_is_counted_from_the_first_of_the_table(board, spec, trained):
    async def scenario():
        await predict(await Models(board).model(trained), arrow(table), 1001)

    table = pa.table({"a": ["1", "2", "x"], "b": [1, 2, 3], "c": [1, 2, 3]})
    with pytest.raises(InvalidData, match="row 1003, column 'a' is 'x', not a number"):
        asyncio.run(scenario())


def test_bytes_that_are_no_arrow_stream_are_refused(board, trained):
    async def scenario():
        await predict(await Models(board).model(trained), b"no arrow", 1)

    with pytest.raises(InvalidData, match="no Arrow stream"):
        asyncio.run(scenario())
