"""The mathematics: parameters, activations, losses, networks, optimizers. Knows NumPy and nothing else."""

from chainrule.nn.activations import ACTIVATIONS, Activation, softmax_jacobian
from chainrule.nn.arrays import Array, aligned_empty
from chainrule.nn.backpropagation import Backpropagation
from chainrule.nn.check import LayerCheck, check_gradients
from chainrule.nn.initializers import INITIALIZERS, initialize
from chainrule.nn.losses import LOSSES, Loss
from chainrule.nn.network import Network, predict
from chainrule.nn.optimizers import OPTIMIZERS, SGD, Adam, Momentum, Optimizer
from chainrule.nn.parameters import Parameters, parameter_count
from chainrule.nn.randomness import Purpose, generator

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "LOSSES",
    "OPTIMIZERS",
    "SGD",
    "Activation",
    "Adam",
    "Array",
    "Backpropagation",
    "LayerCheck",
    "Loss",
    "Momentum",
    "Network",
    "Optimizer",
    "Parameters",
    "Purpose",
    "aligned_empty",
    "check_gradients",
    "generator",
    "initialize",
    "parameter_count",
    "predict",
    "softmax_jacobian",
]
