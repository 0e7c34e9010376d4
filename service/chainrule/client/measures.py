"""The losses and metrics of a job in words: what each number is, of which step, and in which unit. Pure."""

from collections.abc import Mapping

from chainrule.wire.job import Job, percent

NAMED_LABELS = 3
"""Of more labels than these the number is said in place of the names."""
_IN_UNIT = ("rmse", "mae")
"""Metrics in the unit of the label."""
_SHARES = ("accuracy", "balanced_accuracy")
_NAMES = {"rmse": "RMSE", "mae": "MAE", "r2": "R²", "auc": "AUC", "f1": "F1"}


def training_text(job: Job) -> str:
    """Return the smoothed loss and the epoch's: `loss 0.2141 (mean of 100 steps), epoch 0.2203`."""
    train = job.metrics.get("train", {})
    parts = []
    if "loss" in train:
        steps = int(train.get("loss_steps", 0))
        parts.append(f"loss {loss_text(train['loss'])}" + (f" (mean of {_counted(steps, 'step')})" if steps else ""))
    if "epoch_loss" in train:
        parts.append(f"epoch {loss_text(train['epoch_loss'])}")
    return ", ".join(parts)


def validation_text(job: Job) -> str:
    """Return the accuracy, or R² and RMSE, or the loss: `validation R² 0.81, RMSE 47,120 median_house_value`."""
    validation = job.metrics.get("validation", {})
    for names in (("accuracy",), ("r2", "rmse"), ("rmse",), ("loss",)):
        if all(name in validation for name in names):
            return "validation " + _listed(job, {name: validation[name] for name in names})
    return ""


def all_training_text(job: Job) -> str:
    """Return every training loss: `loss 0.2141 (mean of 100 steps), epoch 0.2203, last batch 0.1987`."""
    train = job.metrics.get("train", {})
    last = f"last batch {loss_text(train['batch_loss'])}" if "batch_loss" in train else ""
    return ", ".join(filter(None, [training_text(job), last]))


def all_validation_text(job: Job) -> str:
    """Return every validation metric by name."""
    return _listed(job, dict(sorted(job.metrics.get("validation", {}).items())))


def best_text(job: Job) -> str:
    """Return the values of the best step together: `120: training loss 0.2203 (epoch), validation loss 0.3114, ...`."""
    best = job.metrics.get("best", {})
    if not best:
        return ""
    training = [f"training loss {loss_text(best['train_loss'])} (epoch)"] if "train_loss" in best else []
    others = {name: value for name, value in sorted(best.items()) if name not in ("step", "train_loss", "loss")}
    validation = _listed(job, ({"loss": best["loss"]} if "loss" in best else {}) | others)
    return f"{best['step']:,.0f}: " + ", ".join([*training, *([f"validation {validation}"] if validation else [])])


def kept_step(job: Job) -> int | None:
    """Return the step that all metrics of a job belong to where that is not its last one: its weights are kept."""
    step = int(job.metrics.get("train", {}).get("step", job.version))
    return step if job.state.final and step != job.version else None


def loss_text(value: float) -> str:
    """Write a loss: `0.2141`, `3.2e-06`."""
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.4g}"


def _listed(job: Job, metrics: Mapping[str, float]) -> str:
    """Return metrics as `R² 0.81, RMSE 47,120 price`; over several labels the text says that these are means."""
    text = ", ".join(
        f"{_NAMES.get(name, name.replace('_', ' '))} {_value(job, name, metrics[name])}" for name in metrics
    )
    if len(job.labels) < 2 or not any(name in metrics for name in ("r2", *_IN_UNIT)):
        return text
    several = ", ".join(job.labels) if len(job.labels) <= NAMED_LABELS else f"{len(job.labels)} labels"
    return f"{text} (mean over {several})"


def _value(job: Job, name: str, value: float) -> str:
    if name in _SHARES:
        return percent(value)
    if name == "r2":
        return f"{value:.2f}" if value < 0.99 else f"{value:.4f}"
    if name in _IN_UNIT:
        number = f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"
        return f"{number} {job.labels[0]}" if len(job.labels) == 1 else number
    return loss_text(value)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
