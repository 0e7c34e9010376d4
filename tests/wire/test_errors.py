import pickle
import re

import pytest

from chainrule.wire import errors
from chainrule.wire.errors import ChainruleError, InvalidJob, Violation


def tree(kind=ChainruleError):
    return [kind, *(below for child in kind.__subclasses__() for below in tree(child))]


def example(kind):
    if kind is InvalidJob:
        return InvalidJob([Violation("network.layers[1].units", "must be >= 1"), Violation("", "must be a table")])
    return kind("rows.csv: row 3, column 'Größe' is 'x', not a number")


@pytest.mark.parametrize("kind", tree())
def test_an_error_survives_pickle(kind):
    error = example(kind)
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is kind
    assert (str(back), back.code) == (str(error), error.code)
    assert getattr(back, "violations", None) == getattr(error, "violations", None)


@pytest.mark.parametrize("kind", tree())
def test_an_error_is_known_by_its_name(kind):
    assert example(kind).code == kind.__name__


def test_the_drawing_of_the_tree_shows_every_error():
    drawn = set(re.findall(r"\b(?:[A-Z][a-z]+){2,}\b|\bFenced\b", errors.__doc__.partition("ChainruleError\n")[2]))
    assert {kind.__name__ for kind in tree() if kind.__module__ == errors.__name__} - {"ChainruleError"} <= drawn


def test_an_invalid_job_tells_all_its_violations():
    assert str(example(InvalidJob)) == "network.layers[1].units must be >= 1; must be a table"
