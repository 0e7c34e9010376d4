"""Curves of jobs as charts ask for them."""

import json
import math
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from chainrule.client.documents import plain
from chainrule.data.dataset import DatasetSummary
from chainrule.server.answers import Answers
from chainrule.server.board import Board
from chainrule.server.curves import Curve, Numbers, curve, loss_window, medians, trailing_mean, window
from chainrule.server.history import History, Series
from chainrule.server.store import Row
from chainrule.wire.errors import InvalidData, JobNotFound
from chainrule.wire.validation import parse_spec

AXES = ("step", "time", "epoch")
MOST_BUCKETS, BUCKETS = 4000, 1000
MEDIAN_BUCKETS = 120
"""The most windows that speed is drawn as the medians of: single steps differ by factors."""
SPEED = ("train.samples_per_second", "train.step_seconds")


class Charts:
    """Reads curves. They are made off the event loop, and once for all who look at the same job."""

    def __init__(self, board: Board, history: History, clock: Callable[[], float] = time.monotonic) -> None:
        self._board, self._history, self._answers = board, history, Answers(clock)

    async def sketches(self, job_ids: list[str]) -> dict[str, Any]:
        """Return a few losses along the way of each job that there is."""
        found: dict[str, Any] = {}
        for job_id in job_ids:
            try:
                job = await self._board.read(self._board.store.job, job_id)
            except JobNotFound:
                continue
            found[job_id] = plain(await self._history.read(self._history.sketch, job_id, job.version))
        return found

    async def curves(self, job_id: str, query: Mapping[str, str]) -> bytes:
        """Return the JSON of some curves. Raises InvalidData, JobNotFound."""
        row = await self._board.read(self._board.store.row, job_id)
        make = partial(self._history.read, self._answer, row, query)
        return await self._answers.get((job_id, row["state"], str(query)), make)

    def _answer(self, row: Row, query: Mapping[str, str]) -> bytes:
        axis = query.get("x", "step")
        if axis not in AXES:
            raise InvalidData(f"x must be one of {', '.join(AXES)}")
        low, high = _number(query, "from"), _number(query, "to")
        buckets = min(MOST_BUCKETS, int(_number(query, "buckets") or BUCKETS))
        wanted = [name for name in query.get("metric", "").split(",") if name]
        epoch = _steps_per_epoch(row)
        found = {}
        for name, series in _all(self._history, row["id"]).items():
            if not wanted or name in wanted:
                x = _along(series, axis, epoch)
                part = window(x, low, high)
                drawn = curve(x[part], series.values[part], buckets, part.start)
                found[name] = _document(drawn) | self._line(row["id"], name, series, x, part, drawn, epoch)
        return json.dumps({"x": axis, "curves": found, "version": row["version"]}, allow_nan=False).encode()

    def _line(
        self, job_id: str, name: str, series: Series, x: Numbers, part: slice, drawn: Curve, epoch: int
    ) -> dict[str, Any]:
        """Return what is drawn by default over a noisy curve: the trailing mean of losses, the medians of speed."""
        if name == "train.loss":
            rows = np.maximum(self._history.steps(job_id)["rows"][: len(series.values)], 1)  # 0: they weigh less than 1
            smooth = trailing_mean(series.values, rows, loss_window(epoch))
            return {
                "smooth_x": x[part][drawn.last].tolist(),
                "smooth": _finite(smooth[part][drawn.last]),
                "window": loss_window(epoch),
            }
        if name in SPEED:
            middle, median = medians(x[part], series.values[part], MEDIAN_BUCKETS, part.start)
            return {"median_x": middle.tolist(), "median": _finite(median)}
        return {}


def _all(history: History, job_id: str) -> dict[str, Series]:
    """Return every curve of a job by split and metric."""
    splits = {"train": history.training(job_id), "validation": history.validation(job_id)}
    return {f"{split}.{name}": series for split, found in splits.items() for name, series in found.items()}


def _along(series: Series, axis: str, steps_per_epoch: int) -> Numbers:
    if axis == "time":
        return series.seconds
    return series.version / steps_per_epoch if axis == "epoch" else series.version


def _steps_per_epoch(row: Row) -> int:
    if row["data"] is None:
        return 1
    return DatasetSummary.from_document(row["data"]).steps_per_epoch(parse_spec(row["spec"]))


def _document(drawn: Curve) -> dict[str, Any]:
    document: dict[str, Any] = {"x": drawn.x.tolist(), "y": _finite(drawn.y), "exact": drawn.exact}
    if not drawn.exact:
        document |= {"mean_x": drawn.mean_x.tolist(), "mean": _finite(drawn.mean)}
    return document


def _finite(values: Numbers) -> list[float | None]:
    """Return numbers as JSON knows them: null where there is none."""
    if np.isfinite(values).all():
        return list(values.tolist())
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _number(query: Mapping[str, str], name: str) -> float | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or (name == "buckets" and value < 1):
        raise InvalidData(f"{name} must be a number" + (" >= 1" if name == "buckets" else ""))
    return value
