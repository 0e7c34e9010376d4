import tomllib

import numpy as np
import pytest

from chainrule.client.suggestion import suggest
from chainrule.data.dataset import load_dataset
from chainrule.data.description import describe
from chainrule.wire.errors import InvalidData
from chainrule.wire.validation import parse_spec


def job(path, label, workers=2):
    """The job that is suggested, which must be one, and fit its data."""
    spec = parse_spec(tomllib.loads(suggest(describe(str(path)), label, workers)))
    load_dataset(spec)
    return spec


def write(path, header, rows):
    path.write_text("\n".join(",".join(map(str, row)) for row in ([header, *rows] if header else rows)) + "\n")
    return path


def test_words_and_few_whole_numbers_are_classes(tmp_path):
    for value in (lambda i: "ab"[i % 2], lambda i: i % 5, lambda i: ["true", "false"][i % 2]):
        spec = job(write(tmp_path / "a.csv", ("x", "y"), [(i, value(i)) for i in range(60)]), "y")
        assert (spec.network.loss, spec.data.target_scaling) == ("cross_entropy", "none")


def test_fractions_and_many_whole_numbers_are_numbers(tmp_path):
    for value in (lambda i: i / 2, lambda i: i * 3):
        spec = job(write(tmp_path / "a.csv", ("x", "y"), [(i, value(i)) for i in range(60)]), "y")
        assert (spec.network.loss, spec.data.target_scaling) == ("mse", "standardize")


def test_what_the_data_needs_is_said_and_nothing_else(tmp_path):
    rows = [("" if i == 3 else i / 2, f"n{i}", "ab"[i % 2]) for i in range(60)]
    spec = job(write(tmp_path / "a.csv", ("x", "name", "y"), rows), "y")
    assert (spec.data.missing, spec.data.ignore, spec.data.header) == ("median", ("name",), True)
    spec = job(write(tmp_path / "b.csv", None, [(i, "ab"[i % 2]) for i in range(60)]), "f1")
    assert (spec.data.missing, spec.data.ignore, spec.data.header) == ("refuse", None, False)


def test_pixels_are_scaled_to_0_and_1(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (50, 65), np.uint8)
    pixels[:, 64] %= 3
    np.save(tmp_path / "m.npy", pixels)
    spec = job(tmp_path / "m.npy", "x64")
    assert (spec.data.scaling, spec.network.loss) == ("min_max", "cross_entropy")
    assert spec.network.input_dropout


@pytest.mark.parametrize("rows", [3, 20, 6000])
@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_a_step_fits_into_the_rows(tmp_path, rows, workers):
    path = write(tmp_path / "a.csv", ("x", "y"), [(i, i / 7) for i in range(rows)])
    if rows - round(rows * 0.2) < workers:
        return
    spec = parse_spec(tomllib.loads(suggest(describe(str(path)), "y", workers)))
    assert spec.training.batch_size % spec.shards == 0
    assert spec.cluster.max_workers == workers


def test_odd_names_are_written_so_that_they_come_back(tmp_path):
    label = 'a "quoted" \\ name'
    path = tmp_path / "odd.csv"
    path.write_text('x,"' + label.replace('"', '""') + '"\n' + "".join(f"{i},{i / 7}\n" for i in range(40)))
    assert job(path, label).data.label == label


def test_a_label_that_is_not_there_is_refused(tmp_path):
    path = write(tmp_path / "a.csv", ("x", "y"), [(1, 2)])
    with pytest.raises(InvalidData, match="has no column 'z'; it has x, y"):
        suggest(describe(str(path)), "z", 2)
