"""PyTorch's results for the cases of `cases`: its autograd, its optimizers, its schedules, in double precision."""

from typing import Any

import numpy as np
import torch
from cases import STEPS, Case, length, numbers, problem
from torch import nn
from torch.nn import functional
from torch.optim import lr_scheduler

ACTIVATIONS = {
    "relu": nn.ReLU(),
    "leaky_relu": nn.LeakyReLU(0.01),
    "elu": nn.ELU(),
    "sigmoid": nn.Sigmoid(),
    "tanh": nn.Tanh(),
    "softplus": nn.Softplus(),
    "silu": nn.SiLU(),
    "gelu": nn.GELU(approximate="tanh"),
    "softmax": nn.Softmax(dim=1),
    "identity": nn.Identity(),
}
RATE = 0.125


def gradient(case: Case) -> list[float]:
    """Return the loss and its gradient, by autograd."""
    theta, X, Y = problem(case)
    tensors = [torch.tensor(array, requires_grad=True) for _, array in theta.named()]
    W1, B1, W2, B2 = tensors
    activation = ACTIVATIONS[case["activation"]]
    Z = functional.linear(activation(functional.linear(torch.tensor(X), W1, B1)), W2, B2)
    loss = _loss(case, Z, activation(Z), torch.tensor(Y))
    loss.backward()
    return [loss.item(), *np.concatenate([tensor.grad.numpy().ravel() for tensor in tensors]).tolist()]


def _loss(case: Case, Z: torch.Tensor, A: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
    match case["loss"], case["activation"]:
        case "cross_entropy", "softmax":
            return functional.cross_entropy(Z, Y.argmax(dim=1), reduction="sum", **case["options"])
        case "cross_entropy", _:
            return functional.nll_loss(torch.log(A), Y.argmax(dim=1), reduction="sum")
        case "binary_cross_entropy", "sigmoid":
            return functional.binary_cross_entropy_with_logits(Z, Y, reduction="sum")
        case "binary_cross_entropy", _:
            return functional.binary_cross_entropy(A, Y, reduction="sum")
        case "mse", _:
            return functional.mse_loss(A, Y, reduction="sum")
        case "mean_absolute_error", _:
            return functional.l1_loss(A, Y, reduction="sum")
        case "huber", _:
            return functional.huber_loss(A, Y, reduction="sum", **case["options"])
        case "poisson", _:
            return functional.poisson_nll_loss(A, Y, log_input=False, eps=0.0, reduction="sum")
    raise ValueError(case["loss"])


def steps(case: Case) -> list[float]:
    """Return θ after STEPS steps."""
    theta = nn.Parameter(torch.tensor(numbers((5,), case["seed"])))
    optimizer = _optimizer(case["name"], theta, case["options"])
    for g in numbers((STEPS, 5), case["seed"] + 1):
        theta.grad = torch.tensor(g)
        optimizer.step()
    return theta.detach().tolist()


def _optimizer(name: str, theta: nn.Parameter, options: dict[str, float]) -> torch.optim.Optimizer:
    common: dict[str, Any] = {"params": [theta], "lr": options["learning_rate"]}
    if "beta1" in options:
        common |= {"betas": (options["beta1"], options["beta2"])}
    if "epsilon" in options:
        common |= {"eps": options["epsilon"]}
    match name:
        case "sgd":
            return torch.optim.SGD(**common)
        case "momentum" | "nesterov":
            return torch.optim.SGD(**common, momentum=options["momentum"], nesterov=name == "nesterov")
        case "adagrad":
            return torch.optim.Adagrad(**common)
        case "adadelta":
            return torch.optim.Adadelta(**common, rho=options["rho"])
        case "rmsprop":
            return torch.optim.RMSprop(**common, alpha=options["rho"])
        case "adam":
            return torch.optim.Adam(**common)
        case "adamw":
            return torch.optim.AdamW(**common, weight_decay=options["weight_decay"])
        case "nadam":  # μ_t = β₁ (1 - 0.96^{t decay} / 2), which is β₁ at once
            return torch.optim.NAdam(**common, momentum_decay=1e9)
    raise ValueError(name)


def factors(case: Case) -> list[float]:
    """Return by what the learning rate is multiplied at each step, for a plateau after each epoch."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=RATE)
    schedule, found = _schedule(case, optimizer), []
    if case["name"] == "plateau":
        for loss in numbers((STEPS,), case["seed"]).tolist():
            schedule.step(loss)
            found.append(optimizer.param_groups[0]["lr"] / RATE)
        return found
    for _ in range(length(case)):
        found.append(optimizer.param_groups[0]["lr"] / RATE)
        optimizer.step()
        schedule.step() if len(found) < length(case) else None
    return found


def _schedule(case: Case, optimizer: torch.optim.Optimizer) -> Any:
    options = case["options"]
    if "warm_up" in case:
        start, count = case["start"], case["warm_up"]
        line = lr_scheduler.LinearLR(optimizer, start_factor=start, total_iters=count)
        then = _schedule({"name": case["name"], "options": options}, optimizer)
        return lr_scheduler.SequentialLR(optimizer, [line, then], [count])
    match case["name"]:
        case "step":
            return lr_scheduler.StepLR(optimizer, options["every"], options["gamma"])
        case "exponential":
            return lr_scheduler.ExponentialLR(optimizer, options["gamma"] ** (1 / options["steps"]))
        case "cosine":
            return lr_scheduler.CosineAnnealingLR(optimizer, options["steps"], eta_min=RATE * options.get("low", 0.0))
        case "one_cycle":
            first, last = options["start"], options["end"]
            return lr_scheduler.OneCycleLR(
                optimizer,
                RATE,
                total_steps=options["steps"],
                pct_start=options["peak"],
                cycle_momentum=False,
                div_factor=1 / first,
                final_div_factor=first / last,
            )
        case "plateau":  # PyTorch reduces after more than `patience` epochs
            return lr_scheduler.ReduceLROnPlateau(
                optimizer,
                factor=options["gamma"],
                patience=options["patience"] - 1,
                threshold=options["min_delta"],
                threshold_mode="abs",
                min_lr=RATE * options["low"],
                eps=0.0,
            )
    raise ValueError(case["name"])


KINDS = {"gradients": gradient, "optimizers": steps, "schedules": factors}
