"""What is on record of a job: for a replay to be compared with, and its receipt."""

import hashlib
import importlib.metadata
import platform
from collections.abc import AsyncIterator
from typing import Any

import numpy as np

from chainrule.data.dataset import DatasetSummary
from chainrule.server.board import Board
from chainrule.server.store import Row
from chainrule.wire.errors import InvalidData, JobNotFinished
from chainrule.wire.job import JobState
from chainrule.wire.record import RecordHeader, StepRecord
from chainrule.wire.validation import parse_spec

PAGE = 1000
PACKAGES = ("chainrule", "numpy", "ray", "grpcio", "protobuf")


class Records:
    """Reads the records of jobs."""

    def __init__(self, board: Board) -> None:
        self._board = board

    async def header(self, job_id: str) -> RecordHeader:
        """Return what is known of the whole job. Raises InvalidData as long as its data has not been read."""
        row = await self._board.read(self._board.store.row, job_id)
        if row["data"] is None:
            raise InvalidData(f"the data of job {job_id} has not been read, so nothing is on record of its training")
        job = await self._board.read(self._board.store.job, job_id)
        machines = tuple("{cpu}, NumPy {numpy}, {blas}".format(**machine) for machine in row["machines"])
        return RecordHeader(parse_spec(row["spec"]), job, row["data"]["sha256"], machines, row["data"])

    async def steps(self, job_id: str, first: int, last: int) -> AsyncIterator[StepRecord]:
        """Yield the steps from version `first` to `last`."""
        while first <= last:
            rows = await self._board.read(self._board.store.record, job_id, first, last, PAGE)
            for row in rows:
                yield _step(row)
            if len(rows) < PAGE:
                return
            first = rows[-1]["version"] + 1

    async def receipt(self, job_id: str) -> dict[str, Any]:
        """Return the receipt of a job that has succeeded. Raises JobNotFinished."""
        row = await self._board.read(self._board.store.row, job_id)
        if row["state"] != JobState.SUCCEEDED:
            raise JobNotFinished(f"job {job_id} is {row['state']}: only one that has succeeded has a receipt")
        checkpoint = (await self._board.read(self._board.store.checkpoints, job_id))[0]
        losses = await self._board.read(self._board.store.losses, job_id)
        return {
            "job": job_id,
            "spec": row["spec"],
            "data": _data(row["spec"]["data"]["train"], DatasetSummary.from_document(row["data"])),
            "result": {
                "steps": row["version"],
                "reason": row["reason"],
                "metrics": row["metrics"],
                "weights_sha256": row["weights_sha256"],
                "model_sha256": checkpoint["model_sha256"],
                "losses_sha256": _sha256([loss for _, loss in losses]),
            },
            "software": {"python": platform.python_version()}
            | {name: importlib.metadata.version(name) for name in PACKAGES},
            "machines": row["machines"],
            "survived": row["faults"] | {"starts": row["generation"]},
        }


def _step(row: Row) -> StepRecord:
    partials = tuple((lo, hi, bytes.fromhex(digest)) for lo, hi, digest in row["partials"] or ())
    return StepRecord(row["version"], row["loss"], bytes.fromhex(row["layers"] or ""), partials)


def _data(source: str, summary: DatasetSummary) -> dict[str, Any]:
    shards = zip(summary.rows_of_shards, summary.sha256_of_shards, strict=True)
    return {
        "source": source,
        "sha256": summary.sha256,
        "validation_rows": summary.validation_rows,
        "shards": [{"rows": rows, "sha256": sha256} for rows, sha256 in shards],
    }


def _sha256(numbers: list[float]) -> str:
    """Return the hash of numbers as little-endian doubles."""
    return hashlib.sha256(np.array(numbers, "<f8").tobytes()).hexdigest()
