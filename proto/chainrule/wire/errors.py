"""Every error that Chainrule raises on purpose. One tree; chainrule.wire.status gives each its gRPC status.

ChainruleError
  InvalidJob, ShapeMismatch, InvalidData           the job or its data is wrong
  JobNotFound, DatasetNotFound, ModelNotFound      there is no such thing
  JobAmbiguous                                     there are several
  JobNotRunning, JobNotFinished, Fenced            not in this state
  TooMuch                                          more than the machine has
  ServiceUnavailable, DeadlineExceeded             nobody answers
  TrainingFailed                                   the numbers are not finite, or workers fail
  LaunchFailed                                     a process of the service, or Ray, does not start
"""

from collections.abc import Sequence
from dataclasses import dataclass


class ChainruleError(Exception):
    """The root of the tree. Its text is one sentence that a user can act on."""

    @property
    def code(self) -> str:
        """The name by which the README explains the error."""
        return type(self).__name__


@dataclass(frozen=True)
class Violation:
    """One wrong field of a job: its path, as in `network.layers[1].units`, and what it must be."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path} {self.problem}" if self.path else self.problem


class InvalidJob(ChainruleError):
    """A job whose fields are wrong: all of them, not only the first."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__(violations)
        self.violations = tuple(violations)

    def __str__(self) -> str:
        return "; ".join(map(str, self.violations))


class ShapeMismatch(ChainruleError):
    """An array of another shape, size or type than the network's."""


class InvalidData(ChainruleError):
    """Data that cannot be trained on or predicted from."""


class JobNotFound(ChainruleError):
    """No job has this id or name."""


class JobAmbiguous(ChainruleError):
    """Several jobs have this name, or an id that begins so."""


class DatasetNotFound(ChainruleError):
    """Nothing was uploaded under this name."""


class ModelNotFound(ChainruleError):
    """The job has no checkpoint yet."""


class JobNotRunning(ChainruleError):
    """The job has ended, so it cannot be cancelled, paused or changed."""


class JobNotFinished(ChainruleError):
    """The job has not ended, so it cannot be deleted, or not well, so it has no receipt."""


class Fenced(ChainruleError):
    """A message of a worker or server whose time is over."""


class TooMuch(ChainruleError):
    """More memory, disk or processors than there are."""


class ServiceUnavailable(ChainruleError):
    """The service does not answer."""


class DeadlineExceeded(ChainruleError):
    """The service did not answer in time."""


class TrainingFailed(ChainruleError):
    """Training cannot go on: a number is not finite, a worker fails again and again, or a checkpoint is lost."""


class LaunchFailed(ChainruleError):
    """A process of the service, or Ray, could not be started or ended before its time."""
