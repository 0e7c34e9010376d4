"""What is remembered of the metrics of epochs: to reduce the learning rate, and to stop early. Pure."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter

from chainrule.nn import Patience, Plateau
from chainrule.nn.patience import Waiting
from chainrule.wire.partials import Sums
from chainrule.wire.spec import JobSpec


@dataclass(frozen=True)
class Memory:
    """All that is known; it is part of every checkpoint. `epoch` sums up the steps of the epoch that is under way."""

    epoch: Sums = field(default_factory=Sums)
    stopping: Waiting = field(default_factory=Waiting)
    plateau: Waiting = field(default_factory=Waiting)
    reductions: int = 0
    ended: bool = False

    def document(self) -> dict[str, Any]:
        """Return the memory as plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Memory":
        """Return the memory of a document."""
        return TypeAdapter(cls).validate_python(document)


@dataclass(frozen=True)
class Watch:
    """The rules of a job: when to stop early and when to reduce the learning rate; None where the job has no such."""

    stopping: Patience | None = None
    plateau: Plateau | None = None

    def factor(self, memory: Memory) -> float:
        """Return by what the learning rate is multiplied."""
        return self.plateau.factor(memory.reductions) if self.plateau else 1.0

    def after_epoch(self, memory: Memory, version: int, validation: Sums | None) -> Memory:
        """Return what is known after an epoch, which has ended with θ_version."""
        metrics = _metrics(memory.epoch, validation)
        memory = replace(memory, epoch=Sums())
        if self.stopping and self.stopping.metric in metrics:
            stopping = self.stopping.after(memory.stopping, metrics[self.stopping.metric], version)
            memory = replace(memory, stopping=stopping, ended=self.stopping.over(stopping, version))
        if self.plateau and self.plateau.metric in metrics:
            plateau = self.plateau.after(memory.plateau, metrics[self.plateau.metric], version)
            over = self.plateau.over(plateau, version)
            plateau = replace(plateau, waited=0) if over else plateau
            memory = replace(memory, plateau=plateau, reductions=memory.reductions + over)
        return memory

    def describe(self, memory: Memory, version: int, steps: int) -> str:
        """Return a sentence on how training has ended, empty where no metric decided."""
        if not memory.ended or self.stopping is None or memory.stopping.best is None:
            return ""
        best, at = f"{self.stopping.metric} was best, {memory.stopping.best:.4g}", memory.stopping.version
        early = f"stopped early at step {version:,} of {steps:,}: " if version < steps else ""
        return f"{early}{best}, at step {at:,}, and the weights are those"


def make_watch(spec: JobSpec) -> Watch:
    """Return the rules that follow metrics."""
    stopping, plateau = spec.early_stopping, None
    if spec.schedule.name == "plateau":
        plateau = Plateau("validation_loss", **spec.schedule.options)
    return Watch(Patience(**stopping.options) if stopping else None, plateau)


def _metrics(epoch: Sums, validation: Sums | None) -> dict[str, float]:
    """Return the metrics of an epoch by name; without classes an accuracy means nothing, and no job asks for it."""
    metrics = {"train_loss": epoch.loss / epoch.weight} if epoch.weight else {}
    if validation is not None and validation.weight:
        metrics["validation_loss"] = validation.loss / validation.weight
        metrics["validation_accuracy"] = validation.right / validation.weight
    return metrics
