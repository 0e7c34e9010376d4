"""What a version's validation sums tell."""

from chainrule.data.dataset import DatasetSummary
from chainrule.data.metrics import Layout, confusion, metrics
from chainrule.nn import LOSSES, Network
from chainrule.wire.partials import Sums

Evaluation = tuple[float, float | None, dict[str, float], dict[str, dict[str, float]]]
"""Loss, accuracy (None for numbers), all metrics, and the weight of rows by right class, then by predicted one."""


def evaluate(network: Network, summary: DatasetSummary, sums: Sums) -> Evaluation:
    """Return the evaluation of the sums over all validation rows."""
    layout, loss = Layout.of(network), sums.loss / sums.weight
    measured = metrics(layout, sums.figures, sums.weight, summary.target_scaling) if sums.figures else {}
    if LOSSES[network.loss].classes:
        measured["accuracy"] = sums.right / sums.weight
    names = summary.classes or ("0", "1")
    pairs = confusion(layout, sums.figures).tolist() if sums.figures else []
    table = {right: dict(zip(names, row, strict=True)) for right, row in zip(names, pairs, strict=False)}
    return loss, measured.get("accuracy"), {"loss": loss, **measured}, table
