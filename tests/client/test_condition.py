from dataclasses import replace

import pytest

from chainrule.client.condition import STYLES, condition, layer_words
from chainrule.wire.job import JobState
from chainrule.wire.layers import LayerFigures


def layers(*words):
    return tuple(LayerFigures(L, diagnosis=word) for L, word in enumerate(words, start=1))


def test_layers_that_do_not_learn_are_named_in_runs():
    assert layer_words(layers("", "")) == ""
    assert layer_words(layers("", "dead")) == "layer 2 dead"
    sick = layers("vanishing", "vanishing", "vanishing", "", "vanishing", "exploding")
    assert layer_words(sick) == "layers 1-3, 5 vanishing, layer 6 exploding"


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({}, "good", "healthy"),
        ({"workers": 0}, "waits", "waits for workers"),
        ({"layers": layers("dead", "")}, "sick", "layer 1 dead"),
        ({"metrics": {"train": {"loss": float("nan")}}}, "sick", "diverging: the loss is not finite"),
        ({"state": JobState.QUEUED, "reason": "waits for Ray"}, "waits", "waits for Ray"),
        ({"state": JobState.FAILED, "reason": "there is no column y"}, "sick", "there is no column y"),
        ({"state": JobState.SUCCEEDED, "layers": layers("dead")}, "done", "done"),
        ({"state": JobState.PAUSED, "reason": "paused by the user"}, "waits", "paused"),
    ],
)
def test_a_job_is_as_its_figures_say(job, changes, kind, words):
    found = condition(replace(job, **changes))
    assert (found.kind, found.words) == (kind, words)


@pytest.mark.parametrize("state", JobState)
def test_every_state_has_words_and_a_style(job, state):
    found = condition(replace(job, state=state, reason=""))
    assert found.words
    assert found.kind in STYLES
