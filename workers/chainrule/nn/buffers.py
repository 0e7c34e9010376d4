"""The memory of a training step: made once for a network and a number of rows, so that a step allocates nothing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from chainrule.nn.activations import ACTIVATIONS
from chainrule.nn.arrays import Array, aligned_empty
from chainrule.nn.network import Network


@dataclass(frozen=True)
class Buffers:
    """Arrays (rows, n^L), by the layer L.

    A is A^L and d is d^L for L = 1..N; K is the work array that the activation asks for; S is one that layers share.
    For a layer with dropout, M is its mask and H what is left of A^L. Y has room for targets, `ones` (rows,) adds up
    rows as a product.

    An array whose activation adds up along its rows lies column by column: so its sums run over whole columns. A matrix
    product is faster into one that lies row by row: P, which is A itself, or the shared one in another form.
    """

    dtype: np.dtype
    A: dict[int, Array]
    d: dict[int, Array]
    K: dict[int, Array]
    S: dict[int, Array]
    P: dict[int, Array]
    M: dict[int, Array]
    H: dict[int, Array]
    Y: Array
    ones: Array

    @classmethod
    def make(cls, network: Network, rows: int, dtype: DTypeLike) -> "Buffers":
        """Return buffers for mini-batches of up to `rows` rows and parameters of a type."""
        sizes = dict(enumerate(network.sizes))
        layers = {L: ACTIVATIONS[name] for L, name in enumerate(network.activations, start=1)}
        dropped = [L for L in sizes if network.dropout_rate(L)]
        shared = aligned_empty(rows * max(network.sizes[1:]), dtype)
        zeros = np.zeros_like(shared)

        def empty(L: int, kind: DTypeLike = dtype) -> Array:
            return _shaped(aligned_empty(rows * sizes[L], kind), rows, L > 0 and layers[L].sums_rows)

        def part(flat: Array, L: int, by_columns: bool) -> Array:
            return _shaped(flat[: rows * sizes[L]], rows, by_columns)

        A = {L: empty(L) for L in layers}
        S, Z = ({L: part(flat, L, layer.sums_rows) for L, layer in layers.items()} for flat in (shared, zeros))
        work = {"any": S.__getitem__, "own": empty, "zeros": Z.__getitem__}
        return cls(
            np.dtype(dtype),
            A=A,
            d={L: empty(L) for L in layers},
            K={L: work[layer.work](L) for L, layer in layers.items()},
            S=S,
            P={L: part(shared, L, False) if layer.sums_rows else A[L] for L, layer in layers.items()},
            M={L: aligned_empty((rows, sizes[L]), np.float32) for L in dropped},
            H={L: empty(L) for L in dropped},
            Y=empty(network.layers),
            ones=np.ones(rows, dtype),
        )

    def first(self, rows: int) -> "Buffers":
        """Return buffers for fewer rows in the same memory; each array is as compact as one of its own."""
        parts = {name: {L: _first(array, rows) for L, array in getattr(self, name).items()} for name in "AdKSPMH"}
        return Buffers(self.dtype, **parts, Y=_first(self.Y, rows), ones=self.ones[:rows])


def _shaped(flat: Array, rows: int, by_columns: bool) -> Array:
    """Return a flat array as (rows, n), row by row or column by column."""
    return flat.reshape(-1, rows).T if by_columns else flat.reshape(rows, -1)


def _first(array: Array, rows: int) -> Array:
    """Return an array (rows, n) in the memory of a larger one."""
    by_columns = not array.flags.c_contiguous
    flat = array.T.reshape(-1) if by_columns else array.reshape(-1)
    return _shaped(flat[: rows * array.shape[1]], rows, by_columns)
