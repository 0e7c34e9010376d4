"""How the layers learn: what a step does to each of them, measured now and then, and what the workers see."""

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from statistics import fmean
from typing import Protocol

from chainrule.nn import Array, Mean, Parameters, gradients, norm, relative_change
from chainrule.wire.layers import LayerActivity, LayerFigures, finite

SECONDS = 1.0
"""The shortest time from one measured step to the next."""
SHARE = 0.005
"""Of the time, at most, that measuring may take: of a large network steps are measured less often."""
MOST = 1 << 22
"""So many weights, the first ones of each layer, tell how far a step moves it: neurons have no order."""


class Updating(Protocol):
    """What takes a step: an Update, or what stands in its place."""

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of the optimizer's slots."""
        ...

    @property
    def element_wise(self) -> bool:
        """Whether parts of θ may be updated apart."""
        ...

    def apply(self, theta: Parameters, mean: Mean, slots: dict[str, Array], t: int, factor: float) -> None:
        """Overwrite θ and the optimizer's slots."""
        ...


class Inspection:
    """Takes the place of an Update, which it calls: a step that is measured has the same bits as any other."""

    def __init__(self, update: Updating, layers: Collection[int], clock: Callable[[], float]) -> None:
        self._update, self._layers, self._clock, self._due = update, layers, clock, -math.inf
        self._seen: dict[int, dict[int, LayerActivity]] = {}
        self._figures: tuple[LayerFigures, ...] = ()

    def apply(self, theta: Parameters, mean: Mean, slots: dict[str, Array], t: int, factor: float) -> None:
        """Overwrite θ and the optimizer's slots as the update does."""
        began = self._clock()
        if began < self._due:
            self._update.apply(theta, mean, slots, t, factor)
            return
        some = {L: W.reshape(-1)[: max(1, MOST // len(theta.W))] for L, W in theta.W.items()}
        before = {L: W.copy() for L, W in some.items()}
        weights, slopes = {L: norm(W.reshape(-1)) for L, W in theta.W.items()}, gradients(mean, theta)
        measured = self._clock()
        self._update.apply(theta, mean, slots, t, factor)
        updated = self._clock()
        moved = {L: relative_change(before[L], W) for L, W in some.items()}
        self._figures = tuple(
            LayerFigures(L, finite(slopes[L].weight), finite(slopes[L].bias), finite(weights[L]), finite(moved[L]))
            for L in theta.W
        )
        spent = measured - began + self._clock() - updated
        self._due = began + max(SECONDS, spent / SHARE)

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of the optimizer's slots."""
        return self._update.slots

    @property
    def element_wise(self) -> bool:
        """Whether parts of θ may be updated apart."""
        return self._update.element_wise

    def note(self, worker: int, layers: Iterable[LayerActivity]) -> None:
        """Keep what a worker has seen last."""
        self._seen[worker] = {activity.layer: activity for activity in layers if activity.layer in self._layers}

    def take(self, workers: Collection[int]) -> tuple[LayerFigures, ...]:
        """Return what was measured last, with the means of what these workers have seen; nothing where it was taken."""
        self._seen = {worker: seen for worker, seen in self._seen.items() if worker in workers}
        figures, self._figures = self._figures, ()
        return tuple(self._completed(each) for each in figures)

    def _completed(self, figures: LayerFigures) -> LayerFigures:
        seen = [layers[figures.layer] for layers in self._seen.values() if figures.layer in layers]
        dead, saturated = (_mean(getattr(each, name) for each in seen) for name in ("dead_ratio", "saturation"))
        return replace(figures, dead_ratio=dead, saturation=saturated)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
