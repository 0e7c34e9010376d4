"""Whether validation metrics are better than those of a model that knows no input: a constant prediction. Pure.

For numbers it is the mean, whose R² is 0. For classes it is the shares of the classes: the most frequent one for the
accuracy, 1/K for the balanced accuracy of K classes, 1/2 for the AUC, their entropy for the log loss. What is measured
on few rows differs by chance, so that shares must be better by two standard errors.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import median

from chainrule.wire.job import percent

ENOUGH = 5
"""With fewer evaluations nothing is said."""
LAST = 3
"""The median of the last few stands for where training is."""
NEAR_ZERO = 0.02
"""An R² up to this is one of nothing learned."""
IMPROVED = 0.05
"""An R² that has risen by more over the last evaluations is on its way."""
ERRORS, PART = 2.0, 0.98

Evaluations = Sequence[Mapping[str, float]]


def no_better(evaluations: Evaluations, class_weights: Sequence[float]) -> str:
    """Return in which respect the latest evaluations are no better than a constant; nothing where they are.

    `class_weights` is the weight of the validation rows of each class.
    """
    if len(evaluations) < ENOUGH:
        return ""
    if any("r2" in each for each in evaluations):
        return _of_numbers([each["r2"] for each in evaluations if math.isfinite(each.get("r2", math.nan))])
    present = [weight for weight in class_weights if weight > 0]
    return _of_classes(evaluations[-LAST:], present) if len(present) > 1 else ""


def _of_numbers(r2: Sequence[float]) -> str:
    if len(r2) < ENOUGH:
        return ""
    now, before = median(r2[-LAST:]), median(r2[-LAST - ENOUGH : -LAST])
    if now > NEAR_ZERO or now - before > IMPROVED:
        return ""
    return f"the validation R² is {now:.3g}, no better than predicting the mean of the label"


def _of_classes(evaluations: Evaluations, weights: Sequence[float]) -> str:
    total, count = sum(weights), len(weights)
    shares = [weight / total for weight in weights]
    most = max(shares)
    limits = {
        "accuracy": most + ERRORS * math.sqrt(most * (1 - most) / total),
        "balanced_accuracy": 1 / count + ERRORS * math.sqrt(sum(0.25 / weight for weight in weights)) / count,
        "auc": 0.5 + ERRORS * math.sqrt((total + 1) / (12 * math.prod(weights))) if count == 2 else math.inf,
    }
    now = {
        name: median(each[name] for each in evaluations)
        for name in (*limits, "log_loss")
        if all(math.isfinite(each.get(name, math.nan)) for each in evaluations)
    }
    entropy = -sum(share * math.log(share) for share in shares)
    known = any(now[name] > limit for name, limit in limits.items() if name in now)
    if "accuracy" not in now or known or now.get("log_loss", math.inf) < PART * entropy:
        return ""
    accuracy = percent(now["accuracy"])
    return f"the validation accuracy is {accuracy}, and that of the most frequent class alone is {percent(most)}"
