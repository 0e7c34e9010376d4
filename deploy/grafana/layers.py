"""How each layer learns."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from panels import JOB, LAYER, bars, board, lines, variable

LAYERS = 'job=~"$job", layer=~"$layer"'


def build() -> Dashboard:
    """Show how each layer learns."""
    variables = variable(*JOB), variable(*LAYER)
    return (
        board("layers", "Chainrule: layers", "How each layer of a job learns.", *variables)
        .with_panel(
            bars(
                "What is wrong",
                "Red while a layer is vanishing, exploding, dead or without gradient; "
                "chainrule.server.diagnosis has the limits.",
                {"{{job}} {{layer}} {{diagnosis}}": f"chainrule_layer_diagnosis{{{LAYERS}}}"},
            )
        )
        .with_panel(
            lines(
                "Gradient of the weights",
                "Its length. It vanishes or explodes on its way back where layers are far apart.",
                {"{{job}} {{layer}}": f'chainrule_layer_gradient_norm{{{LAYERS}, kind="weight"}}'},
                log=True,
            )
        )
        .with_panel(
            lines(
                "Gradient of the biases",
                "Its length.",
                {"{{job}} {{layer}}": f'chainrule_layer_gradient_norm{{{LAYERS}, kind="bias"}}'},
                log=True,
            )
        )
        .with_panel(
            lines(
                "Update to weights",
                "How long a step is, of the length of the weights. About 0.001 is usual, over 1 is too much.",
                {"{{job}} {{layer}}": f"chainrule_layer_update_ratio{{{LAYERS}}}"},
                log=True,
            )
        )
        .with_panel(
            lines(
                "Weights", "Their length.", {"{{job}} {{layer}}": f"chainrule_layer_weight_norm{{{LAYERS}}}"}, log=True
            )
        )
        .with_panel(
            lines(
                "Dead",
                "Share of relus that give 0 for every row. Over a half is too much.",
                {"{{job}} {{layer}}": f"chainrule_layer_dead_ratio{{{LAYERS}}}"},
                unit="percentunit",
                most=1.0,
            )
        )
        .with_panel(
            lines(
                "Saturated",
                "Share of activations of sigmoid, tanh and softmax at an end of their range, where they hardly learn.",
                {"{{job}} {{layer}}": f"chainrule_layer_saturation_ratio{{{LAYERS}}}"},
                unit="percentunit",
                most=1.0,
            )
        )
    )
