"""A job's fields -> how its steps are taken."""

import math

from chainrule.nn import OPTIMIZERS, Schedule, Update, WarmUp
from chainrule.nn.schedules import SCHEDULES, Constant
from chainrule.wire.spec import JobSpec, ScheduleSpec


def make_update(spec: JobSpec, steps: int, steps_per_epoch: int) -> Update:
    """Return how θ_t becomes θ_{t+1}, in a job of so many steps."""
    optimizer = OPTIMIZERS[spec.optimizer.name](**spec.optimizer.hyperparameters)
    regularization = spec.regularization
    return Update(
        optimizer,
        make_schedule(spec.schedule, steps, steps_per_epoch),
        regularization.l1,
        regularization.l2,
        regularization.max_norm,
        spec.clipping.limits,
    )


def make_schedule(spec: ScheduleSpec, steps: int, steps_per_epoch: int) -> Schedule:
    """Return the schedule; what the job leaves open follows from its steps, so that the schedule ends with the job."""
    rest = max(1, steps - spec.warm_up)
    open_ends = {"steps": steps_per_epoch if spec.name == "inverse_square_root" else rest, "every": math.ceil(rest / 3)}
    kind = Constant if spec.name == "plateau" else SCHEDULES[spec.name]
    fields = set(kind.__dataclass_fields__)  # type: ignore[attr-defined]
    values = {name: value for name, value in (open_ends | spec.options).items() if name in fields}
    schedule: Schedule = kind(**values)
    return WarmUp(spec.warm_up, schedule) if spec.warm_up else schedule
