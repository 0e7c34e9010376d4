"""The states of a job and the moves between them, as a table. Pure."""

from enum import StrEnum

from chainrule.wire.errors import JobNotRunning
from chainrule.wire.job import JobState


class Move(StrEnum):
    """What can happen to a job."""

    START = "start"
    RUN = "run"
    PAUSE = "pause"
    RESUME = "resume"
    INTERRUPT = "interrupt"  # the service, Ray or a process has ended; the job will start again from its checkpoint
    SUCCEED = "succeed"
    FAIL = "fail"
    CANCEL = "cancel"


MOVES: dict[JobState, dict[Move, JobState]] = {
    JobState.QUEUED: {
        Move.START: JobState.STARTING,
        Move.FAIL: JobState.FAILED,
        Move.CANCEL: JobState.CANCELLED,
    },
    JobState.STARTING: {
        Move.RUN: JobState.RUNNING,
        Move.INTERRUPT: JobState.QUEUED,
        Move.SUCCEED: JobState.SUCCEEDED,
        Move.FAIL: JobState.FAILED,
        Move.CANCEL: JobState.CANCELLED,
    },
    JobState.RUNNING: {
        Move.PAUSE: JobState.PAUSED,
        Move.INTERRUPT: JobState.QUEUED,
        Move.SUCCEED: JobState.SUCCEEDED,
        Move.FAIL: JobState.FAILED,
        Move.CANCEL: JobState.CANCELLED,
    },
    JobState.PAUSED: {
        Move.RESUME: JobState.QUEUED,
        Move.FAIL: JobState.FAILED,
        Move.CANCEL: JobState.CANCELLED,
    },
    JobState.SUCCEEDED: {},
    JobState.FAILED: {},
    JobState.CANCELLED: {},
}


def after(state: JobState, move: Move) -> JobState:
    """Return the state that a move leads to. Raises JobNotRunning where the table has none."""
    try:
        return MOVES[state][move]
    except KeyError:
        raise JobNotRunning(f"the job is {state}: it is too late to {move} it") from None
