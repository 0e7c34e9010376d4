"""The losses of a job, each defined once: what the command line, the page, the API and the metrics show. Pure.

`loss` is the smoothed training loss: the mean over the last W steps, weighted by rows, where W is the steps of an
epoch, at least 10, at most 100. `epoch_loss` is the mean over the steps of the last whole epoch, weighted by rows, and
`batch_loss` is that of the last step alone. Each step counts once, and all sums go in the order of the steps, so that
whoever reads the steps again after a restart has the same bits.
"""

import math
from collections import deque
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import numpy as np

from chainrule.nn import Patience
from chainrule.server.curves import loss_window, trailing_mean
from chainrule.wire.spec import EarlyStoppingSpec

Step: TypeAlias = tuple[int, float, int]
"""Version, loss of its batch before the update, rows."""
Evaluation: TypeAlias = tuple[int, Mapping[str, float]]
"""Version, and the metrics of the validation rows with its weights."""
Metrics: TypeAlias = dict[str, dict[str, float]]


class Losses:
    """Follows the steps and evaluations of one job, in order; those that come again after a fault are left out.

    The best evaluation is that by the metric of `stopping`, or by the validation loss where there is none. Where a job
    does not validate, the end of each epoch counts as an evaluation without metrics.
    """

    def __init__(
        self, steps_per_epoch: int, stopping: EarlyStoppingSpec | None = None, *, validates: bool = True
    ) -> None:
        self._length, self._validates = steps_per_epoch, validates
        self._rule = Patience() if stopping is None else Patience(stopping.metric, min_delta=stopping.min_delta)
        self._recent: deque[tuple[float, int]] = deque(maxlen=loss_window(steps_per_epoch))
        self._sum, self._rows = 0.0, 0
        self._epoch: tuple[int, float] | None = None  # the version at the end of the last whole epoch, and its loss
        self._step, self._evaluated = 0, -1
        self._validation: dict[str, float] = {}
        self._best: dict[str, float] = {}
        self._best_value: float | None = None

    def first_needed(self, version: int) -> int:
        """Return the first step to read, the first of its epoch, for the losses at a version."""
        if self._rule.metric == "train_loss":
            return 0
        first = min(version - loss_window(self._length), (version // self._length - 1) * self._length)
        return max(0, first // self._length * self._length)

    def take(self, steps: Iterable[Step], evaluations: Iterable[Evaluation]) -> None:
        """Add steps and evaluations; the evaluation of a version precedes the step from it."""
        left = deque(evaluations)
        for step in steps:
            while left and left[0][0] <= step[0]:
                self._evaluate(*left.popleft())
            self._train(*step)
        for evaluation in left:
            self._evaluate(*evaluation)

    def _train(self, version: int, loss: float, rows: int) -> None:
        if version < self._step:
            return
        self._step, rows = version + 1, max(rows, 1)  # rows that weigh less than 1 together are recorded as 0
        if version % self._length == 0:
            self._sum, self._rows = 0.0, 0
        self._recent.append((loss, rows))
        self._sum, self._rows = self._sum + loss * rows, self._rows + rows
        if self._step % self._length == 0:
            self._epoch = self._step, self._sum / self._rows
            if not self._validates:
                self._evaluate(self._step, {})

    def _evaluate(self, version: int, metrics: Mapping[str, float]) -> None:
        if version <= self._evaluated:
            return
        self._evaluated, self._validation = version, dict(metrics)
        found = self.at(version)
        known = {"train_loss": found.get("train_loss")} | {f"validation_{name}": each for name, each in metrics.items()}
        value = known.get(self._rule.metric)
        if value is not None and math.isfinite(value) and self._rule.better(value, self._best_value):
            self._best, self._best_value = found, value

    def at(self, version: int) -> dict[str, float]:
        """Return a step, the loss of the epoch that ended there, and its metrics, if they are the last that came."""
        training = {"train_loss": self._epoch[1]} if self._epoch and self._epoch[0] == version else {}
        return {"step": version} | training | (self._validation if self._evaluated == version else {})

    @property
    def incomplete(self) -> range | None:
        """The steps of the epoch before the best evaluation where they were not added; `complete` takes them."""
        if not self._best or "train_loss" in self._best:
            return None
        end = int(self._best["step"])
        return range(end - self._length, end)

    def complete(self, steps: Iterable[Step]) -> None:
        """Add the training loss of the best evaluation from the steps of the epoch before it."""
        epoch = Losses(self._length)
        epoch.take(steps, ())
        self._best = epoch.at(int(self._best["step"])) | self._best

    def metrics(self) -> Metrics:
        """Return train, validation and best, as far as they are known."""
        found = {"train": self._training(), "validation": self._validation, "best": self._best}
        return {name: dict(values) for name, values in found.items() if values}

    def _training(self) -> dict[str, float]:
        if not self._recent:
            return {}
        losses, rows = np.array(self._recent).T
        figures = {"loss": float(trailing_mean(losses, rows, len(rows))[-1])}
        if self._epoch is not None:
            figures["epoch_loss"] = self._epoch[1]
        return figures | {"batch_loss": self._recent[-1][0], "loss_steps": len(rows), "step": self._step}
