"""A job trained in one process, without a service: the shards' rows of each step are one batch."""

import numpy as np

from chainrule.data.dataset import load_dataset
from chainrule.data.model import Model
from chainrule.data.shards import RowOrder
from chainrule.nn import LOSSES, Backpropagation, Mean, Parameters, draw_for, initialize
from chainrule.wire.recipe import make_update


def train(spec):
    """Return the Model of a job that neither weighs rows nor stops early."""
    summary, shards = load_dataset(spec)
    network, steps, per_epoch = summary.network(spec), summary.steps(spec), summary.steps_per_epoch(spec)
    update, theta = make_update(spec, steps, per_epoch), initialize(network, spec.training.seed)
    slots = {name: np.zeros_like(theta.flat) for name in update.slots}
    orders = [RowOrder(spec.training.seed, k, len(shard.X), spec.rows_per_shard) for k, shard in enumerate(shards)]
    backpropagation, gradient = Backpropagation(network, spec.training.batch_size), Parameters.empty(network.sizes)
    unit_vectors = np.eye(network.sizes[-1], dtype=np.float32)
    Y = [unit_vectors[shard.Y] if LOSSES[network.loss].classes else shard.Y for shard in shards]
    for version in range(steps):
        rows = [order.rows(*divmod(version, per_epoch)) for order in orders]
        X = np.concatenate([shard.X[own] for shard, own in zip(shards, rows, strict=True)])
        targets = np.concatenate([y[own] for y, own in zip(Y, rows, strict=True)])
        draw = draw_for(spec.training.seed, version, 0) if any(network.dropout) else None
        backpropagation.loss_and_gradient(theta, X, targets, gradient, draw)
        update.apply(theta, Mean((gradient.flat,), len(X)), slots, version, 1.0)
    return Model(spec, summary, theta, steps)
