"""How the layers of a job learn: what a worker sees of its neurons, and what is known of a layer in all."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from chainrule.v1 import parameters_pb2, training_pb2


@dataclass(frozen=True)
class LayerActivity:
    """Shares of a hidden layer's neurons or activations, None where its activation knows no such thing.

    `dead_ratio`: relus that gave 0 for every row of a look. `saturation`: outputs at an end of a bounded range.
    """

    layer: int
    dead_ratio: float | None = None
    saturation: float | None = None

    def message(self) -> parameters_pb2.LayerActivity:
        """Return it for the wire."""
        return parameters_pb2.LayerActivity(**asdict(self))

    @classmethod
    def from_message(cls, message: parameters_pb2.LayerActivity) -> "LayerActivity":
        """Return what a worker has sent; what is no share is not known."""
        return cls(message.layer, _share(message, "dead_ratio"), _share(message, "saturation"))


@dataclass(frozen=True)
class LayerFigures:
    """How layer L = 1..N learns at one moment. None is not known, or not finite.

    `gradient_norm` is ‖∂E/∂W^L‖ and `bias_gradient_norm` ‖∂E/∂B^L‖ of the mean gradient, before regularisers and
    clipping; `weight_norm` is ‖W^L‖ before the step, `update_ratio` ‖W^L_{t+1} - W^L_t‖ / ‖W^L_t‖; `dead_ratio` and
    `saturation` are means over the workers. `diagnosis` is "vanishing", "exploding", "dead", "no gradient" or nothing.
    """

    layer: int
    gradient_norm: float | None = None
    bias_gradient_norm: float | None = None
    weight_norm: float | None = None
    update_ratio: float | None = None
    dead_ratio: float | None = None
    saturation: float | None = None
    diagnosis: str = ""

    def document(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "LayerFigures":
        """Return the figures of a document."""
        return cls(**document)

    def message(self) -> training_pb2.LayerFigures:
        """Return it for the wire."""
        return training_pb2.LayerFigures(**asdict(self))

    @classmethod
    def from_message(cls, message: training_pb2.LayerFigures) -> "LayerFigures":
        """Return the figures of a message."""
        names = ("gradient_norm", "bias_gradient_norm", "weight_norm", "update_ratio", "dead_ratio", "saturation")
        known = {name: getattr(message, name) for name in names if message.HasField(name)}
        return cls(message.layer, **known, diagnosis=message.diagnosis)


def finite(value: float) -> float | None:
    """Return a number as JSON can have it."""
    return value if math.isfinite(value) else None


def _share(message: parameters_pb2.LayerActivity, name: str) -> float | None:
    value: float = getattr(message, name)
    return value if message.HasField(name) and 0 <= value <= 1 else None
