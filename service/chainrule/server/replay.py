"""The proof of a job: its steps again, on one process, compared with what is on record of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from chainrule.data.dataset import DatasetSummary
from chainrule.data.shard_tree import Node, root
from chainrule.data.shards import Shard
from chainrule.parameter_server.restore import restore
from chainrule.wire.fingerprints import differing_layers, fingerprint, weights_sha256
from chainrule.wire.partials import Partial
from chainrule.wire.record import StepRecord
from chainrule.wire.spec import JobSpec
from chainrule.worker.partials import PartialComputer


class Replay:
    """A job from its first weights on, step by step."""

    def __init__(self, spec: JobSpec, summary: DatasetSummary, shards: Sequence[Shard]) -> None:
        self._state, _ = restore(spec, summary, 0, [])
        network, steps = summary.network(spec), summary.steps_per_epoch(spec)
        self._computer = PartialComputer(spec, network, steps, dict(enumerate(shards)))
        self._root = root(spec.shards)

    @property
    def version(self) -> int:
        """The steps that have been taken."""
        return self._state.version

    @property
    def layers(self) -> bytes:
        """The fingerprint of the present weights."""
        return fingerprint(self._state.parameters)

    @property
    def weights_sha256(self) -> str:
        """The SHA-256 of the present weights."""
        return weights_sha256(self._state.parameters)

    def step(self, nodes: Sequence[Node] = ()) -> StepRecord:
        """Take a step and return what there is to record. Its partials are cut as `nodes`, by default in one piece."""
        version, layers, digests = self.version, self.layers, {}

        def compute(node: Node) -> Partial:
            train, evaluate = self._state.plan.trains(version), self._state.plan.evaluates(version)
            partial = self._computer.compute(self._state.parameters, version, node, train=train, evaluate=evaluate)
            digests[node] = partial.digest
            return partial

        total = _fold(self._root, frozenset(nodes) or {self._root}, compute)
        loss = total.training.loss / total.training.weight if total.training.weight else 0.0
        self._state.complete_version((total,))
        self._computer.release(total)
        return StepRecord(version, loss, layers, tuple((*node, digests[node]) for node in nodes))

    def finish(self) -> None:
        """Do what comes behind the last step: the last epoch's validation may choose other weights."""
        while not self._state.complete:
            self.step()


def _fold(node: Node, leaves: Iterable[Node], compute: Callable[[Node], Partial]) -> Partial:
    """Add up the partials of `leaves` in the order of the tree."""
    if node in leaves:
        return compute(node)
    left, right = node.children
    return _fold(left, leaves, compute).add(_fold(right, leaves, compute))


@dataclass(frozen=True)
class Parting:
    """Where a replay and the record part: the first step, and the layers and shards [lo, hi) that differ."""

    version: int
    layers: tuple[int, ...] = ()
    shards: tuple[Node, ...] = ()
    loss: bool = False

    def __str__(self) -> str:
        parts = [f"the gradient of shards {', '.join(map(str, self.shards))}"] if self.shards else []
        parts += [f"the weights of layer {', '.join(map(str, self.layers))}"] if self.layers else []
        parts += ["the loss"] if self.loss else []
        return f"at step {self.version:,}: {' and '.join(parts)} differ"


def compare(replay: Replay, records: Iterable[StepRecord], progress: Callable[[int], None]) -> Parting | None:
    """Replay the recorded steps and return where they part, None where they are the same bits."""
    suspected: Parting | None = None
    for record in records:
        while replay.version < record.version:  # what comes before the record is not compared
            replay.step()
            progress(replay.version)
        if suspected is not None:  # one step later the layers tell themselves
            return Parting(suspected.version, _layers(replay.layers, record), suspected.shards, suspected.loss)
        ours = replay.step([Node(lo, hi) for lo, hi, _ in record.partials])
        layers = _layers(ours.layers, record)
        shards = tuple(
            Node(*theirs[:2]) for mine, theirs in zip(ours.partials, record.partials, strict=True) if mine != theirs
        )
        if layers:
            return Parting(record.version, layers)
        if shards or ours.loss != record.loss:
            suspected = Parting(record.version, (), shards, ours.loss != record.loss)
        progress(replay.version)
    return suspected


def _layers(ours: bytes, record: StepRecord) -> tuple[int, ...]:
    return tuple(differing_layers(ours, record.layers)) if record.layers else ()
