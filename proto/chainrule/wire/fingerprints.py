"""Hashes by which versions are compared: XXH3 is fast and finds accidents; SHA-256 is for what is kept."""

import hashlib

import xxhash

from chainrule.nn import Parameters

LAYER_BYTES = 8


def fingerprint(parameters: Parameters) -> bytes:
    """Return LAYER_BYTES for each layer: the hash of W^L and B^L."""
    return b"".join(layer_hash(parameters, L) for L in parameters.W)


def layer_hash(parameters: Parameters, L: int) -> bytes:
    """Return the hash of W^L and B^L."""
    return xxhash.xxh3_64_digest(parameters.flat[parameters.parts[L]].data)


def weights_sha256(parameters: Parameters) -> str:
    """Return the SHA-256 of the flat buffer as little-endian float32."""
    return hashlib.sha256(parameters.flat.astype("<f4", copy=False).data).hexdigest()


def differing_layers(ours: bytes, theirs: bytes) -> list[int]:
    """Return the layers L = 1..N in which two fingerprints differ."""
    starts = range(0, max(len(ours), len(theirs)), LAYER_BYTES)
    parts = [(ours[start : start + LAYER_BYTES], theirs[start : start + LAYER_BYTES]) for start in starts]
    return [L for L, (left, right) in enumerate(parts, start=1) if left != right]
