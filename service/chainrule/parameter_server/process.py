"""The parameter server's process: one job, one gRPC port, told what to do by the service (chainrule.wire.control)."""

import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import grpc

from chainrule.data.dataset import DatasetSummary
from chainrule.data.model import Model
from chainrule.nn import Parameters
from chainrule.parameter_server.checkpoints import Checkpoint, write_checkpoint
from chainrule.parameter_server.coordinator import Coordinator
from chainrule.parameter_server.direct import DirectDoor
from chainrule.parameter_server.evaluation import evaluate
from chainrule.parameter_server.local import LocalDoor, fits, share
from chainrule.parameter_server.phases import PHASES
from chainrule.parameter_server.reports import Report
from chainrule.parameter_server.restore import restore
from chainrule.parameter_server.servicer import Assignable, ParameterServicer, add_to_server
from chainrule.wire.control import Control
from chainrule.wire.errors import ChainruleError, LaunchFailed, TrainingFailed
from chainrule.wire.validation import parse_spec

logger = logging.getLogger(__name__)
REPORT_SECONDS = 0.1
"""The shortest time between two reports to the service."""
ROLL_SECONDS = 1.0
"""The shortest time between two that tell of each worker."""


class ParameterServer:
    """One job's state, its gRPC server, its checkpoints and its reports."""

    def __init__(self, command: dict[str, Any], control: Control) -> None:
        self._control = control
        self._job_id, self._folder = str(command["job_id"]), Path(command["folder"])
        self._spec = parse_spec(command["spec"])
        self._summary = DatasetSummary.from_document(command["data"])
        known = [Checkpoint(**checkpoint) for checkpoint in command["checkpoints"]]
        state, warnings = restore(self._spec, self._summary, command["generation"], known)
        shares = self._spec.cluster.shared_memory and fits(self._summary.network(self._spec))
        weights = share(state) if shares else None
        self._coordinator = Coordinator(state)
        self._local = None if weights is None else LocalDoor(self._coordinator, weights, self._spec.shards)
        self._host = str(command["host"])
        try:
            halves = self._spec.training.halves
            self._direct = DirectDoor(self._coordinator, self._host, self._spec.shards, halves=halves)
        except OSError as error:
            raise _cannot_listen(self._host, error) from None
        for warning in warnings:
            self._coordinator.books.warn(warning)
        self._saved = (state.version if state.version else -1, state.memory.ended)
        self._kept: int | None = None  # the version of the best weights so far, of a job that stops early
        self._ended, self._saving = threading.Event(), threading.Lock()
        self._told = (float("-inf"), 0)  # when each worker was last told of, and how many they were

    def serve(self) -> None:
        """Serve until the job has ended or the service says stop."""
        server = self._start_server()
        watching = (self._coordinator.watch_workers, self._coordinator.hash_weights)
        doors = [door for door in (self._local, self._direct) if door is not None]
        serving = (door.serve for door in doors)
        for target in (self._follow_commands, self._save_from_time_to_time, *watching, *serving):
            threading.Thread(target=target, name=target.__name__, daemon=True).start()
        try:
            while not self._report(self._coordinator.next_report()):
                self._ended.wait(REPORT_SECONDS)
            self._save_at_the_end()
            self._send_checkpoints(self._coordinator.next_report())
        finally:
            self._ended.set()
            for door in doors:
                door.close()
            server.stop(grace=2).wait()
        if self._coordinator.complete and self._kept is not None:
            self._control.send("kept", version=self._kept)
        self._control.send("ended", complete=self._coordinator.complete, reason=self._coordinator.conclusion)

    def _save_at_the_end(self) -> None:
        try:
            self.save()
        except OSError as error:
            if self._coordinator.complete:
                raise TrainingFailed(f"the trained model could not be written: {error}") from None
            logger.warning("no checkpoint could be written: %s", error)  # the job goes on from the one before

    def _start_server(self) -> grpc.Server:
        # Each stream holds a thread, and the job may be scaled to a worker for each shard; heartbeats need a few more.
        pool = ThreadPoolExecutor(max_workers=2 * self._spec.shards + 8)
        server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        network, summary = self._summary.network(self._spec), self._summary
        steps = summary.steps(self._spec), summary.steps_per_epoch(self._spec)
        local = None if self._local is None else self._local.local
        job = Assignable(self._job_id, self._spec, network, *steps, local, self._direct.direct)
        servicer = ParameterServicer(job, self._coordinator)
        add_to_server(servicer, server)
        try:
            port = server.add_insecure_port(f"{self._host}:0")
        except RuntimeError as error:
            raise _cannot_listen(self._host, error) from None
        server.start()
        version, _ = self._coordinator.weights()
        self._control.send("listening", address=f"{self._host}:{port}", version=version)
        return server

    def _report(self, report: Report) -> bool:
        """Tell the service what has happened; return whether that was all."""
        network = self._summary.network(self._spec)
        trained = [(step.version, step.training, lap) for step, lap in report.steps if step.training is not None]
        steps = [(version, sums.loss / sums.weight, int(sums.weight), lap.seconds) for version, sums, lap in trained]
        evaluations = [
            (step.version, *evaluate(network, self._summary, step.validation))
            for step, _ in report.steps
            if step.validation is not None
        ]
        digests = {step.version: step.digests for step, _ in report.steps}
        fingerprints = [
            (version, layers.hex(), [(*node, digest.hex()) for node, digest in digests[version]])
            for version, layers in report.fingerprints.items()
        ]
        self._control.send(
            "report",
            version=report.version,
            workers=report.workers,
            staleness=report.staleness,
            steps=steps,
            evaluations=evaluations,
            layers=[layer.document() for layer in report.layers],
            fingerprints=fingerprints,
            phases={phase: sum(lap.phases[phase] for _, _, lap in trained) for phase in PHASES},
            pushes=report.pushes,
            leases_ended=report.leases_ended,
            machines=report.machines,
            warnings=report.warnings,
            ended=report.ended,
            **self._roll(report),
        )
        self._send_checkpoints(report)
        return report.ended

    def _roll(self, report: Report) -> dict[str, Any]:
        """Return what there is to tell of each worker, now and then, and when one has come or gone."""
        now = time.monotonic()
        if report.ended or (report.workers == self._told[1] and now < self._told[0] + ROLL_SECONDS):
            return {}
        self._told = now, report.workers
        return {"members": self._coordinator.roll()}

    def _send_checkpoints(self, report: Report) -> None:
        for checkpoint in report.checkpoints:
            self._control.send("checkpoint", **asdict(checkpoint))

    def save(self) -> None:
        """Write a checkpoint of the present state, unless there is one. Raises OSError."""
        with self._saving:
            cut = self._coordinator.snapshot()
            if cut is None:
                return
            stopping = cut.memory.stopping
            self._kept = None if self._spec.early_stopping is None or stopping.best is None else stopping.version
            if (cut.version, cut.memory.ended) == self._saved:
                return
            parameters = Parameters.view(cut.weights, self._summary.network(self._spec).sizes)
            model = Model(self._spec, self._summary, parameters, cut.version)
            checkpoint = write_checkpoint(self._folder, self._coordinator.generation, model, cut.slots, cut.memory)
            self._saved = (cut.version, cut.memory.ended)
            # Never sent before the steps that led to it: a restart from it would leave a gap in the history.
            self._coordinator.books.tell_checkpoint(checkpoint)

    def _save_from_time_to_time(self) -> None:
        while not self._ended.wait(self._spec.training.checkpoint_seconds):
            try:
                self.save()
            except OSError as error:
                self._coordinator.books.warn(f"no checkpoint could be written ({error}); training goes on")

    def _follow_commands(self) -> None:
        for command in self._control.commands():
            match command:
                case {"command": "dismiss", "workers": names}:
                    self._coordinator.dismiss(names)
                case {"command": "stop"}:
                    self._coordinator.stop()
        os._exit(1)  # The service has died: it will start another generation.


def _cannot_listen(host: str, error: Exception) -> LaunchFailed:
    return LaunchFailed(f"the parameter server cannot listen on {host}: {error}")


def main() -> None:
    """Run the process; a failure that has a reason is told to the service."""
    control = Control()
    command = next(control.commands())
    try:
        ParameterServer(command, control).serve()
    except ChainruleError as error:
        control.send("failed", reason=str(error))
