"""Files, and the jobs that are suggested for them."""

import tomllib

import numpy as np

from chainrule.client.number_formats import read_best
from chainrule.client.suggestion import suggest
from chainrule.data.dataset import load_dataset
from chainrule.data.description import describe
from chainrule.data.given import given_dialect
from chainrule.wire.validation import parse_spec


def text_of(path, *labels, workers=2, **reading):
    description, found = read_best(reading, lambda fields: describe(str(path), given_dialect(fields)))
    return suggest(description, labels, workers, reading, found)


def job(path, *labels, workers=2, **reading):
    """The job that is suggested, which must be one, and fit its data."""
    spec = parse_spec(tomllib.loads(text_of(path, *labels, workers=workers, **reading)))
    load_dataset(spec)
    return spec


def write(path, header, rows):
    path.write_text("\n".join(",".join(map(str, row)) for row in ([header, *rows] if header else rows)) + "\n")
    return path


def with_label(path, values):
    """A file of two inputs that no rule leaves out, and the label y."""
    draw = np.random.default_rng(0)
    inputs = {"a": draw.normal(size=len(values)), "b": draw.normal(size=len(values))}
    rows = [(*pair, value) for *pair, value in zip(*inputs.values(), values, strict=True)]
    return write(path, ("a", "b", "y"), rows)


def left_out(spec):
    return spec.data.ignore or ()
