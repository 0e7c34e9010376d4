"""The training loop of a worker. It knows no Ray."""

import contextlib
import os
import time
from collections.abc import Mapping

from threadpoolctl import threadpool_limits

from chainrule.data.shard_tree import Node
from chainrule.data.shards import Shard
from chainrule.data.work import Stretch, Work
from chainrule.nn import Parameters
from chainrule.wire.faults import fail_at
from chainrule.wire.partials import Partial, Reading
from chainrule.wire.recipe import make_update
from chainrule.worker.machine import describe_machine
from chainrule.worker.partials import Done, PartialComputer
from chainrule.worker.session import Session
from chainrule.worker.stretches import Interrupted, Stretching


def train(address: str, job_id: str, worker: str, shards: Mapping[int, Shard]) -> None:
    """Pull weights, compute partials and push them until the job has ended. One BLAS thread, so that bits repeat."""
    _let_others_finish()
    with threadpool_limits(1, user_api="blas"), Session(address, job_id, worker, describe_machine()) as session:
        _Training(session, shards).run()


class _Training:
    """The work of one session."""

    def __init__(self, session: Session, shards: Mapping[int, Shard]) -> None:
        self._session, self._hashes = session, session.spec.training.hashes
        steps = session.steps_per_epoch
        self._computer = PartialComputer(session.spec, session.network, steps, shards, session.activity)
        self._update = make_update(session.spec, session.steps, steps)

    def run(self) -> None:
        """Do what the server asks for, until the job has ended."""
        for work in self._session.work():
            if work.stretch is None:
                self._push(work)
            else:
                self._stretch(work, work.stretch)

    def _push(self, work: Work) -> None:
        """Compute and push each partial."""
        session = self._session
        for node in work.nodes:
            room = session.room(work.version) if work.train else None
            began = time.perf_counter()
            partial = self._compute(session.parameters, work, node, room, session.send_layer)
            session.push(work.version, node, partial, time.perf_counter() - began)
            if fail_at("worker.after_push"):
                session.push(work.version, node, partial, 0.0)

    def _stretch(self, work: Work, stretch: Stretch) -> None:
        """Take the steps of a stretch, and tell of them all, unless the server has something else to be done."""
        stream = self._session.local
        with contextlib.suppress(Interrupted):
            stream.tell(stretch.number, Stretching(stream, self._update, self._compute, work, stretch).steps())

    def _compute(
        self, parameters: Parameters, work: Work, node: Node, into: Parameters | None, done: Done | None = None
    ) -> Partial:
        partial = self._computer.compute(
            parameters,
            work.version,
            node,
            train=work.train,
            evaluate=work.evaluate,
            into=into,
            done=done,
            reading=Reading(hashed=self._hashes(work.version)),
        )
        fail_at("worker.before_push")
        return partial


def _let_others_finish() -> None:
    """Let this thread, once woken, not displace a parameter server that is about to wake the next worker.

    The scheduler may put both on one processor, and would let the server wait there for milliseconds.
    """
    if hasattr(os, "sched_setscheduler"):
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
