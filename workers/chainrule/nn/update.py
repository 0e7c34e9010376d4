"""What a step does with the mean gradient: regularisers, clipping, the optimizer at its scheduled rate, max-norm."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from chainrule.nn.arrays import Array
from chainrule.nn.clipping import clip_by_global_norm, clip_by_layer_norm, clip_by_value
from chainrule.nn.in_blocks import Optimizer
from chainrule.nn.mean import Mean
from chainrule.nn.parameters import Parameters
from chainrule.nn.regularizers import add_l1_gradient, add_l2_gradient, limit_norms
from chainrule.nn.schedules import Constant, Schedule
from chainrule.nn.threads import LEAST

CLIPPINGS: dict[str, Callable[[Parameters, float], None]] = {
    "value": clip_by_value,
    "layer_norm": clip_by_layer_norm,
    "global_norm": clip_by_global_norm,
}
"""Every way to clip by the name that a job file uses, in the order in which they are applied."""


@dataclass(frozen=True)
class Update:
    """θ_t and the mean gradient at it -> θ_{t+1}. `l1` and `l2` are strengths λ, `clipping` limits by their names."""

    optimizer: Optimizer
    schedule: Schedule = field(default_factory=Constant)
    l1: float = 0.0
    l2: float = 0.0
    max_norm: float | None = None
    clipping: dict[str, float] = field(default_factory=dict)

    def apply(self, theta: Parameters, mean: Mean, slots: dict[str, Array], t: int, factor: float) -> None:
        """Overwrite θ and the optimizer's slots; η is multiplied by the schedule and by `factor`."""
        g = self._changed(theta, mean).flat if self.l1 or self.l2 or self.clipping else mean
        self._at(t, factor).update(theta.flat, g, slots, t)
        if self.max_norm is not None:
            limit_norms(theta, self.max_norm)

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of the optimizer's slots."""
        return self.optimizer.slots

    @property
    def element_wise(self) -> bool:
        """Whether each number of θ depends on its own gradient and slots alone: then parts may be updated apart."""
        return not (self.l1 or self.l2 or self.clipping or self.max_norm is not None)

    def apply_to_part(self, theta: Array, mean: Mean, slots: dict[str, Array], t: int, factor: float) -> None:
        """Overwrite a part of θ and the same part of the slots, where the update is `element_wise`.

        It takes pieces that are too small for several threads: other workers may need the processors.
        """
        optimizer = self._at(t, factor)
        for start in range(0, theta.size, LEAST):
            some = slice(start, start + LEAST)
            g = Mean(tuple(part[some] for part in mean.parts), mean.weight)
            optimizer.update(theta[some], g, {name: slot[some] for name, slot in slots.items()}, t)

    def _changed(self, theta: Parameters, mean: Mean) -> Parameters:
        """Return the mean gradient with what regularisers and clipping make of it."""
        gradient = Parameters.empty(theta.sizes, theta.flat.dtype)
        mean.into(gradient.flat)
        if self.l1:
            add_l1_gradient(theta, gradient, self.l1)
        if self.l2:
            add_l2_gradient(theta, gradient, self.l2)
        for name, limit in self.clipping.items():
            CLIPPINGS[name](gradient, limit)
        return gradient

    def _at(self, t: int, factor: float) -> Optimizer:
        """Return the optimizer with its learning rate η_t."""
        scaled = self.schedule.factor(t) * factor
        optimizer: Any = self.optimizer  # a frozen dataclass, which no Protocol can say
        return self.optimizer if scaled == 1 else replace(optimizer, learning_rate=optimizer.learning_rate * scaled)
