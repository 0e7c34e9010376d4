"""The training loop of a worker. It knows no Ray."""

import time
from collections.abc import Mapping

from threadpoolctl import threadpool_limits

from chainrule.data.shards import Shard
from chainrule.wire.faults import fail_at
from chainrule.worker.machine import describe_machine
from chainrule.worker.partials import PartialComputer
from chainrule.worker.session import Session


def train(address: str, job_id: str, worker: str, shards: Mapping[int, Shard]) -> None:
    """Pull weights, compute partials and push them until the job has ended. One BLAS thread, so that bits repeat."""
    with threadpool_limits(1, user_api="blas"), Session(address, job_id, worker, describe_machine()) as session:
        computer = PartialComputer(session.spec, session.network, session.steps_per_epoch, shards, session.activity)
        for work in session.work():
            for node in work.nodes:
                room = session.room(work.version) if work.train else None
                began = time.perf_counter()
                partial = computer.compute(
                    session.parameters,
                    work.version,
                    node,
                    train=work.train,
                    evaluate=work.evaluate,
                    into=room,
                    done=session.send_layer,
                )
                seconds = time.perf_counter() - began
                fail_at("worker.before_push")
                session.push(work.version, node, partial, seconds)
                if fail_at("worker.after_push"):
                    session.push(work.version, node, partial, 0.0)
