"""What a training step is made of: bytes, messages, FLOPs, memory. All is counted from the protocol. Pure."""

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chainrule.data.shard_tree import deal, largest_nodes, root
from chainrule.data.work import Work
from chainrule.nn import ACTIVATIONS, Array, Network, parameter_count
from chainrule.parameter_server.direct import SMALL_BYTES
from chainrule.parameter_server.messages import work_message
from chainrule.v1 import parameters_pb2 as pb
from chainrule.wire import tcp
from chainrule.wire.partials import Findings, Partial, Sums
from chainrule.worker.streams import header

NUMBER, HALF = 4, 2
"""Bytes of a float32, and of its upper half."""
_HEAD = len(tcp.message(b""))
_SOME_VERSION = 1 << 20  # the length of a version in a message hardly depends on it


@dataclass(frozen=True)
class Counts:
    """A step of one job. `rows` are those of one shard, `slots` the buffers that the server keeps beside the weights.

    `up` are the bytes of a gradient's number on its way; where they are rounded, each shard's partial travels alone.
    """

    network: Network
    shards: int
    rows: int
    slots: int = 0
    hashes: bool = True
    up: int = NUMBER
    stretch: int = 0
    """So many steps in a row, at most, workers of the server's host may take among themselves."""

    @cached_property
    def parameters(self) -> int:
        """The number of weights and biases."""
        return parameter_count(self.network.sizes)

    @property
    def layers(self) -> Array:
        """The number of weights and biases of each layer, from the last one to the first, as gradients travel."""
        return np.array([n * (m + 1) for m, n in itertools.pairwise(self.network.sizes)][::-1])

    @property
    def weight_bytes(self) -> int:
        """The bytes of all weights and biases."""
        return NUMBER * self.parameters

    @property
    def inline(self) -> bool:
        """Whether weights are so small that the server sends them itself, to one worker after the other."""
        return self.weight_bytes <= SMALL_BYTES

    def busy(self, workers: int) -> int:
        """Return how many of so many workers have something to do."""
        return min(workers, self.shards)

    def most_shards(self, workers: int) -> int:
        """Return the shards of the worker that has most."""
        return math.ceil(self.shards / self.busy(workers))

    def partials(self, workers: int) -> int:
        """Return how many partials are pushed in a step, by all workers."""
        if self.up != NUMBER:
            return self.shards
        ranges = deal(self.shards, self.busy(workers))
        return sum(len(largest_nodes(lo, hi, self.shards)) for lo, hi in ranges)

    def bytes_down(self, workers: int) -> int:
        """Return the bytes that the server sends over TCP in a step: weights and work for each worker."""
        work = Work(_SOME_VERSION, (root(self.shards),), train=True, evaluate=False)
        message = tcp.message(work_message(work).SerializeToString())
        return self.busy(workers) * (_HEAD + self.weight_bytes + len(message))

    def bytes_up(self, workers: int) -> int:
        """Return the bytes that the server receives over TCP in a step: a piece for each layer, and the sums."""
        found = Findings(modest=True, digest=bytes(16) if self.hashes else b"")
        sums = Partial(np.empty(0, np.float32), Sums(1.0, 1.0), Sums(), found=found)
        partial = header(_SOME_VERSION, root(self.shards), sums, compute_seconds=1.0, serialise_seconds=1.0, slot=1)
        partial.gradient_bytes = self.up * self.parameters
        message = tcp.message(pb.WorkerMessage(partial=partial).SerializeToString())
        pieces = _HEAD * self.network.layers + self.up * self.parameters
        return self.partials(workers) * (pieces + len(message))

    @property
    def flops(self) -> int:
        """Multiplications and additions of all matrix products: Z, ∂E/∂W, and, but for the first layer, ∂E/∂A."""
        products = [m * n for m, n in itertools.pairwise(self.network.sizes)]
        return 2 * self.shards * self.rows * (3 * sum(products) - products[0])

    def worker_bytes(self, workers: int, rows_of_shard: int, *, shared: bool) -> int:
        """Return the memory of the worker that has most: its rows, the step's arrays, weights and gradients.

        Shared memory is the server's. A sum over several shards needs a second gradient for each level of its tree.
        """
        shards = self.most_shards(workers)
        levels = math.ceil(math.log2(shards)) if shards > 1 else 0
        gradients = levels + (0 if shared else 2)
        inputs = NUMBER * self.network.sizes[0] * (shards * rows_of_shard + self.rows)
        return inputs + self._step_bytes + gradients * self.weight_bytes

    @property
    def _step_bytes(self) -> int:
        """The memory of chainrule.nn.buffers: A and d of each layer, its own work, masks, and what layers share."""
        network, layers = self.network, self.network.sizes[1:]
        works = [ACTIVATIONS[name].work for name in network.activations]
        own = sum(n for n, work in zip(layers, works, strict=True) if work == "own")
        dropped = sum(n for L, n in enumerate(network.sizes) if network.dropout_rate(L))
        shared = max(layers) * (1 + ("zeros" in works))
        return NUMBER * self.rows * (2 * sum(layers) + own + 2 * dropped + shared + layers[-1] + 1)

    def server_bytes(self, workers: int) -> int:
        """Return the memory of the parameter server: weights, slots, partials, sums, a checkpoint's copy, an arena."""
        partials = self.partials(workers)
        sums = partials // 2 if partials > 2 else 0  # the last addition is part of the update
        arena = 1 + self.slots + partials if self.stretch else 0
        return self.weight_bytes * (2 * (1 + self.slots) + partials + sums + arena)
