"""Hashes by which versions and partials are compared: XXH3 is fast and finds accidents; SHA-256 is for what is kept."""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import astuple

import xxhash

from chainrule.nn import Array, Parameters
from chainrule.wire.partials import Partial

LAYER_BYTES = 8
HELD_BYTES = 64 << 20
"""So much may wait to be hashed."""


def fingerprint(parameters: Parameters) -> bytes:
    """Return LAYER_BYTES for each layer: the hash of W^L and B^L."""
    return b"".join(xxhash.xxh3_64_digest(layer.data) for _, layer in parameters.layers())


def weights_sha256(parameters: Parameters) -> str:
    """Return the SHA-256 of the flat buffer as little-endian float32."""
    return hashlib.sha256(parameters.flat.astype("<f4", copy=False).data).hexdigest()


def digest(partial: Partial) -> bytes:
    """Return the hash of a partial: its gradient and its sums."""
    result = xxhash.xxh3_128(partial.gradient.data)
    result.update(struct.pack("<6d", *astuple(partial.training), *astuple(partial.validation)))
    return result.digest()


def differing_layers(ours: bytes, theirs: bytes) -> list[int]:
    """Return the layers L = 1..N in which two fingerprints differ."""
    starts = range(0, max(len(ours), len(theirs)), LAYER_BYTES)
    parts = [(ours[start : start + LAYER_BYTES], theirs[start : start + LAYER_BYTES]) for start in starts]
    return [L for L, (left, right) in enumerate(parts, start=1) if left != right]


class Fingerprints:
    """The fingerprints of some versions. They are computed late, off the step's path, unless weights pile up."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self._sizes = sizes
        self._waiting: dict[int, Array] = {}
        self._computed: dict[int, bytes] = {}

    def add(self, version: int, weights: Array) -> None:
        """Take a version's flat buffer, which nobody changes any more."""
        self._waiting[version] = weights
        while len(self._waiting) > 1 and len(self._waiting) * weights.nbytes > HELD_BYTES:
            self._compute(next(iter(self._waiting)))

    def compute(self) -> dict[int, bytes]:
        """Return the fingerprint of each version that was added."""
        for version in tuple(self._waiting):
            self._compute(version)
        return self._computed

    def _compute(self, version: int) -> None:
        self._computed[version] = fingerprint(Parameters.view(self._waiting.pop(version), self._sizes))
