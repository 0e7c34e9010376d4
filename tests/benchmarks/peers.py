"""The same step by other libraries, one thread each, where they are installed."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

Step = Callable[[], object]


def torch_network(sizes: tuple[int, ...]) -> Any:
    """Return PyTorch's network with relu; its loss has the softmax."""
    import torch

    layers: list[torch.nn.Module] = []
    for m, n in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(m, n), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def torch_step(sizes: tuple[int, ...], X: np.ndarray, classes: np.ndarray) -> Step | None:
    """Return PyTorch's forward and backward pass."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    network = torch_network(sizes)
    loss, inputs, targets = torch.nn.CrossEntropyLoss(reduction="sum"), torch.from_numpy(X), torch.from_numpy(classes)

    def step() -> None:
        network.zero_grad(set_to_none=False)
        loss(network(inputs), targets).backward()

    return step


def sklearn_step(sizes: tuple[int, ...], X: np.ndarray, classes: np.ndarray) -> Step | None:
    """Return one step of scikit-learn's MLPClassifier, which counts its update by SGD too."""
    try:
        from sklearn.neural_network import MLPClassifier
    except ImportError:
        return None
    model = MLPClassifier(sizes[1:-1], solver="sgd", batch_size=len(X), learning_rate_init=1e-6, alpha=0, momentum=0)
    names = np.arange(sizes[-1])
    return lambda: model.partial_fit(X, classes, classes=names)
