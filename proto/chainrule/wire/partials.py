"""What a worker pushes: sums over the rows of one node of the shard tree."""

import math
import operator
import struct
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import xxhash

from chainrule.nn import Array, all_finite, all_modest
from chainrule.nn.arrays import blocks
from chainrule.v1 import parameters_pb2 as pb


@dataclass(frozen=True)
class Sums:
    """Σ w_i E_i, Σ w_i, the weight of the rows whose largest output is the right one, and sums for other metrics."""

    loss: float = 0.0
    weight: float = 0.0
    right: float = 0.0
    figures: tuple[float, ...] = ()

    def __add__(self, other: "Sums") -> "Sums":
        figures = self.figures or other.figures
        if self.figures and other.figures:
            figures = tuple(map(operator.add, self.figures, other.figures))
        return Sums(self.loss + other.loss, self.weight + other.weight, self.right + other.right, figures)

    @property
    def finite(self) -> bool:
        """Whether all numbers are finite."""
        return all(map(math.isfinite, (self.loss, self.weight, self.right, *self.figures)))

    def message(self) -> pb.Sums:
        """Return the message of the sums."""
        return pb.Sums(loss=self.loss, weight=self.weight, right=self.right, figures=self.figures)

    @classmethod
    def from_message(cls, message: pb.Sums) -> "Sums":
        """Return the sums of a message."""
        return cls(message.loss, message.weight, message.right, tuple(message.figures))


@dataclass(frozen=True)
class Findings:
    """What a worker has found in its gradient while it lay in the cache, so that the server need not read through it.

    Not `modest` may mean not looked at; an empty digest is one that nobody asked for.
    """

    modest: bool = False
    digest: bytes = b""


@dataclass(frozen=True)
class Partial:
    """One node's gradient sum (empty where none was asked for), its training sums and its validation sums.

    `layers` are the parts of the gradient. A borrowed one lies in memory of its worker: it is only read. What is not in
    `found` is found when asked for.
    """

    gradient: Array
    training: Sums
    validation: Sums
    layers: tuple[slice, ...] = (slice(None),)
    borrowed: bool = False
    found: Findings = Findings()

    @cached_property
    def modest(self) -> bool:
        """Whether the gradient is finite, and stays so when others like it are added."""
        return self.found.modest or all_modest(self.gradient)

    @cached_property
    def finite(self) -> bool:
        """Whether all numbers are finite."""
        return self.training.finite and self.validation.finite and (self.modest or all_finite(self.gradient))

    @cached_property
    def digest(self) -> bytes:
        """The hash of gradient and sums, by which partials are compared: XXH3 finds accidents."""
        if self.found.digest:
            return self.found.digest
        result = xxhash.xxh3_128()
        for layer in reversed(self.layers):
            result.update(self.gradient[layer].data)
        return self._seal(result)

    def _seal(self, result: xxhash.xxh3_128) -> bytes:
        """Return the hash with the sums behind the gradient."""
        for sums in (self.training, self.validation):
            numbers = (sums.loss, sums.weight, sums.right, *sums.figures)
            result.update(struct.pack(f"<{len(numbers)}d", *numbers))
        return result.digest()

    def add(self, other: "Partial") -> "Partial":
        """Return the sum; it takes over a gradient buffer of the two, unless both are borrowed."""
        free = [partial.gradient for partial in (self, other) if not partial.borrowed]
        out = free[0] if free else np.empty_like(self.gradient)
        np.add(self.gradient, other.gradient, out=out)
        return Partial(out, self.training + other.training, self.validation + other.validation, self.layers)

    def told(self, reading: "Reading") -> "Partial":
        """Return the partial with what a reading of its gradient has found."""
        digest = b"" if reading.hash is None else self._seal(reading.hash)
        return replace(self, found=Findings(reading.modest, digest))


class Reading:
    """Reads through a gradient layer by layer, as back-propagation makes it: from the last layer to the first."""

    def __init__(self, *, hashed: bool) -> None:
        self.modest, self.hash = True, xxhash.xxh3_128() if hashed else None

    def read(self, layer: Array) -> None:
        """Read the next layer, block by block."""
        for block in blocks(layer):
            self.modest = self.modest and all_modest(block)
            if self.hash is not None:
                self.hash.update(block.data)
