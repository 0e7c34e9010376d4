"""A dense feed-forward network: its shape, its loss and its forward pass."""

from dataclasses import dataclass

import numpy as np

from chainrule.nn.activations import ACTIVATIONS
from chainrule.nn.arrays import Array
from chainrule.nn.losses import FUSED, LOSSES, Loss
from chainrule.nn.parameters import Parameters

ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class Network:
    """The shape of a network: `sizes` n^0..n^N, the activation's name of each layer 1..N, and the loss's name.

    `label_smoothing` is for a loss over classes, `delta` for huber, `quantile` for quantile. `initializers` has
    a name or None for each layer; where there is none, the activation's default counts. `dropout` has the rates p^0..
    p^{N-1}: of the inputs, then of each hidden layer. Raises ValueError for what is out of range.
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    loss: str
    label_smoothing: float = 0.0
    delta: float = 1.0
    quantile: float = 0.5
    initializers: tuple[str | None, ...] = ()
    dropout: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1 or (self.label_smoothing and not LOSSES[self.loss].classes):
            raise ValueError(f"label_smoothing is {self.label_smoothing}: in [0, 1), and 0 for {self.loss}")
        if not self.delta > 0:
            raise ValueError(f"delta is {self.delta}, must be > 0")
        if not 0 < self.quantile < 1:
            raise ValueError(f"quantile is {self.quantile}, must lie in (0, 1)")
        if self.initializers and len(self.initializers) != self.layers:
            raise ValueError(f"initializers are {len(self.initializers)} for {self.layers} layers")
        if self.dropout and len(self.dropout) != self.layers:
            raise ValueError(
                f"dropout has {len(self.dropout)} rates for the inputs and {self.layers - 1} hidden layers"
            )
        if not all(0 <= rate < 1 for rate in self.dropout):
            raise ValueError(f"dropout is {self.dropout}: rates must lie in [0, 1)")

    @property
    def layers(self) -> int:
        """N, the number of layers."""
        return len(self.activations)

    def initializer(self, L: int) -> str:
        """Return the name of the initializer of W^L."""
        named = self.initializers[L - 1] if self.initializers else None
        return named or ACTIVATIONS[self.activations[L - 1]].initializer

    def dropout_rate(self, L: int) -> float:
        """Return the rate p^L at which neurons of layer L, for 0 the inputs, are left out."""
        return self.dropout[L] if self.dropout and self.layers > L else 0.0

    @property
    def fused(self) -> bool:
        """Whether the last activation and the loss have a joint, stable form (`chainrule.nn.losses.FUSED`)."""
        return (self.activations[-1], self.loss) in FUSED

    @property
    def loss_function(self) -> Loss:
        """The loss with the options that this network gives it."""
        loss = LOSSES[self.loss]
        return loss.bind(**{name: getattr(self, name) for name in loss.options})


def predict(network: Network, parameters: Parameters, X: Array) -> Array:
    """Return A^N (rows, n^N) for the rows X (rows, n^0), some after the other, so that A^L stays in the cache."""
    dtype, most = np.result_type(X, parameters.flat), min(len(X), ROWS_AT_ONCE)
    sums, work = (
        {L: make((most, n), dtype) for L, n in enumerate(network.sizes) if L} for make in (np.empty, np.zeros)
    )
    outputs = np.empty((len(X), network.sizes[-1]), dtype)
    for start in range(0, len(X), ROWS_AT_ONCE):
        A = X[start : start + ROWS_AT_ONCE]
        for L, name in enumerate(network.activations, start=1):
            A = np.matmul(A, parameters.W[L].T, out=sums[L][: len(A)])
            A += parameters.B[L]
            ACTIVATIONS[name].apply(A, work[L][: len(A)])
        outputs[start : start + len(A)] = A
    return outputs
