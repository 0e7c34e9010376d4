import io

import pytest
from rich.console import Console

from chainrule.client.layers import LOOK_SECONDS, MOST, Layers, layers_table
from chainrule.wire.errors import ServiceUnavailable
from chainrule.wire.job import Job
from chainrule.wire.layers import LayerFigures


def drawn(layers, width=80):
    console = Console(file=io.StringIO(), width=width)
    console.print(layers_table(layers))
    return [line.split() for line in console.file.getvalue().splitlines()]


def test_a_layer_is_a_line_with_its_word():
    sick = LayerFigures(1, 1.23456e-7, 0.1, 12.3456, 1e-9, 0.625, None, "dead")
    header, first, second = drawn([sick, LayerFigures(2)])
    assert header == ["LAYER", "GRADIENT", "WEIGHTS", "UPDATE", "DEAD", "SATURATED"]
    assert first == ["1", "1.23e-07", "12.3", "1e-09", "62.5%", "-", "dead"]
    assert second == ["2", "-", "-", "-", "-", "-"]


@pytest.mark.parametrize("count", [MOST, MOST + 1, 100])
def test_of_many_layers_the_ends_are_drawn(count):
    lines = drawn([LayerFigures(L) for L in range(1, count + 1)])[1:]
    assert (lines[0][0], lines[-1][0]) == ("1", str(count))
    assert len(lines) == MOST + (count > MOST)
    assert count == MOST or ["...", str(count - MOST), "more"] in lines


def test_the_service_is_asked_once_a_second_and_may_be_away(job):
    now, answers = 0.0, [(LayerFigures(1),), ServiceUnavailable("it is away"), (LayerFigures(2),)]

    def ask() -> Job:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Job(job.id, job.name, job.state, job.created, layers=answer)

    layers, seen = Layers(ask, lambda: now), []
    for _ in range(6):
        seen.append(layers()[0].layer)
        now += LOOK_SECONDS / 2
    assert seen == [1, 1, 1, 1, 2, 2]
    assert answers == []
