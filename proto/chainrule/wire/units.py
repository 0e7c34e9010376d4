"""In which unit a job's loss is measured: it follows from the loss and from the scaling of the label. Pure."""

import math
from collections.abc import Mapping
from typing import Any

from chainrule.nn import LOSSES

_NAMES = {
    "mse": "mse",
    "huber": "Huber loss",
    "mean_absolute_error": "mean absolute error",
    "quantile": "quantile loss",
}
_POWERS = {"mse": "²", "huber": "²", "mean_absolute_error": "", "quantile": ""}
_LIKELIHOODS = {
    "cross_entropy": "cross-entropy, nats",
    "binary_cross_entropy": "binary cross-entropy, nats",
    "poisson": "Poisson loss, nats",
}


def scales_targets(loss: str, target_scaling: str | None) -> bool:
    """Whether labels are standardized: by default, for a loss of numbers of any range."""
    any_number = not LOSSES[loss].classes and LOSSES[loss].domain == (-math.inf, math.inf)
    return any_number if target_scaling is None else target_scaling == "standardize"


def loss_unit(document: Mapping[str, Any]) -> str:
    """Return the unit of the loss of a job's document: `cross-entropy, nats`, `mse of the standardized label`.

    Over several labels the loss of a row is a sum, which the text says.
    """
    loss = document.get("network", {}).get("loss", "cross_entropy")
    several = len(labels(document)) > 1
    if loss in _LIKELIHOODS:
        return _LIKELIHOODS[loss] + (", summed over the labels" if several else "")
    plural = "s" if several else ""
    if scales_targets(loss, document.get("data", {}).get("target_scaling")):
        text = f"{_NAMES[loss]} of the standardized label{plural}"
    else:
        text = f"{_NAMES[loss]}, label{_POWERS[loss]}"
    return text + (", summed over the labels" if several else "")


def labels(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns that the job of a document predicts."""
    data = document.get("data", {})
    return tuple(data.get("labels") or ((data["label"],) if data.get("label") else ()))
