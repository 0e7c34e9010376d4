"""The mathematics: parameters, activations, losses, networks, optimizers. Knows NumPy and nothing else.

Each equation stands in the function of its name: activations, losses, backpropagation (the chain rule), initializers,
regularizers, clipping, optimizers, schedules. `check_gradients` proves a network's gradient.
"""

from chainrule.nn.activations import ACTIVATIONS, Activation, softmax_jacobian
from chainrule.nn.adaptive import Adam
from chainrule.nn.arrays import Array, aligned_empty, all_finite, all_modest
from chainrule.nn.backpropagation import (
    Backpropagation,
    bias_gradient,
    output_gradient,
    weight_gradient,
    weighted_sums,
)
from chainrule.nn.check import LayerCheck, check_gradients, check_layers
from chainrule.nn.clipping import clip_by_global_norm, clip_by_layer_norm, clip_by_value, norm
from chainrule.nn.dropout import Draw, draw_for
from chainrule.nn.in_blocks import Optimizer
from chainrule.nn.initializers import INITIALIZERS, initialize
from chainrule.nn.layers import Gradient, gradients, live_neurons, relative_change, saturated_share
from chainrule.nn.losses import LOSSES, Loss, one_hot
from chainrule.nn.mean import Mean
from chainrule.nn.network import Network, predict
from chainrule.nn.optimizers import OPTIMIZERS, SGD, Momentum
from chainrule.nn.parameters import Parameters, parameter_count
from chainrule.nn.patience import Patience, Plateau, Waiting
from chainrule.nn.randomness import Purpose, generator
from chainrule.nn.regularizers import add_l1_gradient, add_l2_gradient, l1, l2, limit_norms
from chainrule.nn.schedules import SCHEDULES, Schedule, WarmUp
from chainrule.nn.update import CLIPPINGS, Update

__all__ = [
    "ACTIVATIONS",
    "CLIPPINGS",
    "INITIALIZERS",
    "LOSSES",
    "OPTIMIZERS",
    "SCHEDULES",
    "SGD",
    "Activation",
    "Adam",
    "Array",
    "Backpropagation",
    "Draw",
    "Gradient",
    "LayerCheck",
    "Loss",
    "Mean",
    "Momentum",
    "Network",
    "Optimizer",
    "Parameters",
    "Patience",
    "Plateau",
    "Purpose",
    "Schedule",
    "Update",
    "Waiting",
    "WarmUp",
    "add_l1_gradient",
    "add_l2_gradient",
    "aligned_empty",
    "all_finite",
    "all_modest",
    "bias_gradient",
    "check_gradients",
    "check_layers",
    "clip_by_global_norm",
    "clip_by_layer_norm",
    "clip_by_value",
    "draw_for",
    "generator",
    "gradients",
    "initialize",
    "l1",
    "l2",
    "limit_norms",
    "live_neurons",
    "norm",
    "one_hot",
    "output_gradient",
    "parameter_count",
    "predict",
    "relative_change",
    "saturated_share",
    "softmax_jacobian",
    "weight_gradient",
    "weighted_sums",
]
