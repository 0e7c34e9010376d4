"""What a worker tells of the steps of a stretch: many of them in few fields, as they are many in a second."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from chainrule.v1 import parameters_pb2 as pb
from chainrule.wire import packets
from chainrule.wire.errors import ShapeMismatch
from chainrule.wire.fingerprints import LAYER_BYTES
from chainrule.wire.partials import Sums

DIGEST_BYTES = 16


class Seconds(NamedTuple):
    """What a worker has spent on a step: average is for the hashes, wait for the others."""

    compute: float
    average: float
    wait: float
    apply: float


@dataclass(frozen=True)
class StretchStep:
    """One step: sums and digests of the worker's nodes, the hashes of its layers, and its seconds.

    Digests and hashes are zeros where the history wants none.
    """

    training: tuple[Sums, ...]
    digests: tuple[bytes, ...]
    layers: bytes
    seconds: Seconds


def most_steps(nodes: int, layers: int) -> int:
    """Return of how many steps a packet can tell, of a worker with so many nodes and layers."""
    one = (16 + DIGEST_BYTES) * nodes + LAYER_BYTES * layers + 8 * len(Seconds._fields)
    return (packets.MOST_BYTES - 1000) // one


def pack(number: int, steps: Sequence[StretchStep]) -> pb.Stretched:
    """Return the message of a worker's steps."""
    rows = [[*itertools.chain(*((sums.loss, sums.weight) for sums in step.training)), *step.seconds] for step in steps]
    return pb.Stretched(
        number=number,
        nodes=len(steps[0].training) if steps else 0,
        numbers=np.array(rows, "<f8").tobytes(),
        digests=b"".join(digest for step in steps for digest in step.digests),
        layers=b"".join(step.layers for step in steps),
    )


def unpack(message: pb.Stretched) -> tuple[StretchStep, ...]:
    """Return the steps of a message. Raises ShapeMismatch."""
    nodes = message.nodes
    try:
        rows = np.frombuffer(message.numbers, "<f8").reshape(-1, 2 * nodes + len(Seconds._fields))
        digests = _items(message.digests, len(rows) * nodes, DIGEST_BYTES)
        layers = _items(message.layers, len(rows), len(message.layers) // max(1, len(rows)))
    except ValueError:
        raise ShapeMismatch(f"what is told of a stretch is not of steps of {nodes} nodes each") from None
    return tuple(
        StretchStep(
            tuple(Sums(*row[i : i + 2]) for i in range(0, 2 * nodes, 2)),
            tuple(digests[t * nodes : (t + 1) * nodes]),
            layers[t],
            Seconds(*row[2 * nodes :]),
        )
        for t, row in enumerate(rows.tolist())
    )


def _items(data: bytes, count: int, size: int) -> list[bytes]:
    if len(data) != count * size:
        raise ValueError
    return [data[i * size : (i + 1) * size] for i in range(count)]
