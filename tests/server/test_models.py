import asyncio
import hashlib

import pyarrow as pa
import pytest

from chainrule.data.tables import read_csv
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
    async def scenario():
        return [chunk async for chunk in Models(board).chunks(job_id)]

    header, *chunks = asyncio.run(scenario())
    return header.header, b"".join(chunk.data for chunk in chunks)


def arrow(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def test_a_model_comes_with_its_version_size_and_hash(board, trained):
    header, content = download(board, trained)
    assert header.version == board.store.job(trained).version
    assert (header.size, header.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_a_job_without_a_checkpoint_has_no_model(board, spec):
    job_id = asyncio.run(board.create(spec.document(), None)).id
    with pytest.raises(ModelNotFound, match="no checkpoint yet"):
        download(board, job_id)


def test_a_damaged_file_is_never_given_out(board, trained, tmp_path):
    (path,) = (tmp_path / trained).glob("*/model.safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelNotFound, match="damaged"):
        download(board, trained)


def test_rows_are_predicted_by_column_name(board, spec, trained):
    async def scenario(table):
        return await predict(await Models(board).model(trained), arrow(table))

    table, _ = read_csv(spec.data.train)
    outputs = asyncio.run(scenario(table))
    assert outputs.shape == (120, 2)
    assert (asyncio.run(scenario(table.select(["c", "label", "b", "a"]))) == outputs).all()
    with pytest.raises(InvalidData, match="no column 'b'"):
        asyncio.run(scenario(table.drop(["b"])))


def test_bytes_that_are_no_arrow_stream_are_refused(board, trained):
    async def scenario():
        await predict(await Models(board).model(trained), b"no arrow")

    with pytest.raises(InvalidData, match="no Arrow stream"):
        asyncio.run(scenario())
