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
    SCALE = "scale"  # another number of workers; the state stays
    INTERRUPT = "interrupt"  # the service, Ray or a process has ended; the job will start again from its checkpoint
    SUCCEED = "succeed"
    FAIL = "fail"
    CANCEL = "cancel"


MOVES: dict[JobState, dict[Move, JobState]] = {
    JobState.QUEUED: {
        Move.START: JobState.STARTING,
        Move.PAUSE: JobState.PAUSED,
        Move.RESUME: JobState.QUEUED,
        Move.SCALE: JobState.QUEUED,
        Move.FAIL: JobState.FAILED,
        Move.CANCEL: JobState.CANCELLED,
    },
    JobState.STARTING: {
        Move.RUN: JobState.RUNNING,
        Move.PAUSE: JobState.PAUSED,
        Move.RESUME: JobState.STARTING,
        Move.SCALE: JobState.STARTING,
        Move.INTERRUPT: JobState.QUEUED,
        Move.SUCCEED: JobState.SUCCEEDED,
        Move.FAIL: JobState.FAILED,
        Move.CANCEL: JobState.CANCELLED,
    },
    JobState.RUNNING: {
        Move.PAUSE: JobState.PAUSED,
        Move.RESUME: JobState.RUNNING,
        Move.SCALE: JobState.RUNNING,
        Move.INTERRUPT: JobState.QUEUED,
        Move.SUCCEED: JobState.SUCCEEDED,
        Move.FAIL: JobState.FAILED,
        Move.CANCEL: JobState.CANCELLED,
    },
    JobState.PAUSED: {
        Move.PAUSE: JobState.PAUSED,
        Move.RESUME: JobState.QUEUED,
        Move.SCALE: JobState.PAUSED,
        Move.FAIL: JobState.FAILED,
        Move.CANCEL: JobState.CANCELLED,
    },
    JobState.SUCCEEDED: {},
    JobState.FAILED: {},
    JobState.CANCELLED: {},
}
"""Where each move leads. One that leads to where the job is already changes nothing of its state."""


def after(state: JobState, move: Move) -> JobState:
    """Return the state that a move leads to. Raises JobNotRunning where the table has none."""
    try:
        return MOVES[state][move]
    except KeyError:
        raise JobNotRunning(f"the job is {state}: it is too late to {move} it") from None


def told(state: JobState, reason: str) -> str:
    """Return the message of a move: `paused by the user at step 120`, `failed: no such file`."""
    word = state.lower()
    return reason if reason.startswith(word) else f"{word}: {reason}" if reason else word
