import asyncio
from contextlib import contextmanager
from dataclasses import replace

import pytest
from rich.console import Console

from chainrule.server.records import Records
from chainrule.server.replay import Parting
from chainrule.server.run import Run
from chainrule.server.verify import verify
from chainrule.wire.errors import InvalidData


class Client:
    """Gives a job's record without a service between."""

    def __init__(self, header, steps):
        self.header, self._steps = header, steps

    @contextmanager
    def record(self, job, first=0, last=None):
        last = self.header.job.steps if last is None else last
        yield self.header, (step for step in self._steps if first <= step.version <= last)


@pytest.fixture
def client(board, spec, tmp_path, thread_launcher):
    async def scenario():
        job_id = (await board.create(spec.document(), None)).id
        await Run(job_id, board, thread_launcher(), tmp_path / job_id, workers=2).execute()
        records = Records(board)
        header = await records.header(job_id)
        return Client(header, [step async for step in records.steps(job_id, 0, header.job.steps)])

    return asyncio.run(scenario())


def verdict(client, first=0, last=None, source=None):
    return verify(client, "a1", first, last, source, Console(quiet=True))


def test_a_whole_job_is_verified_to_its_last_weights(client):
    whole = verdict(client)
    assert (whole.same, whole.first, whole.last, whole.final) == (True, 0, 23, True)
    assert whole.sha256 == client.header.job.weights_sha256
    assert str(whole).startswith("OK: steps 0 to 23 and the trained weights are the same bits")


def test_a_part_says_nothing_of_the_end(client):
    part = verdict(client, 5, 9)
    assert (part.same, part.first, part.last, part.final) == (True, 5, 9, False)


def test_nothing_to_compare_with_is_not_ok(client):
    with pytest.raises(InvalidData, match="nothing is on record of job a1 there: it is at step 24"):
        verdict(client, 100)


def test_other_data_are_refused(client, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text((tmp_path / "points.csv").read_text().replace("yes", "no", 1))
    with pytest.raises(InvalidData, match="not the file that the job was trained on"):
        verdict(client, source=str(other))


@pytest.mark.parametrize(
    ("machines", "hint"),
    [
        (("EPYC, NumPy 2.4.6, openblas 0.3.31 Prescott",), "OPENBLAS_CORETYPE=Prescott computes with"),
        (("EPYC, NumPy 2.4.6, openblas 0.3.31 Prescott", "Xeon, NumPy 2.4.6, openblas 0.3.31 Atom"), None),
        (("EPYC, NumPy 2.4.6, mkl 2024.1",), None),
        ((), None),
    ],
)
def test_where_the_kernel_was_another_it_is_told_how_to_get_it(client, machines, hint):
    parted = replace(verdict(client), parting=Parting(3, (1,)), machines=machines)
    told = str(parted)
    assert told.startswith("PARTED")
    assert (hint or "may round otherwise") in told
    assert hint is not None or told.endswith("may round otherwise")
