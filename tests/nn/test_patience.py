import pytest

from chainrule.nn import Patience, Plateau, Waiting


def follow(rule, values):
    waiting = Waiting()
    for version, value in enumerate(values, start=1):
        waiting = rule.after(waiting, value, version)
    return waiting


def test_the_best_loss_is_the_least_and_the_best_accuracy_the_largest():
    values = [0.5, 0.3, 0.9, 0.4]
    assert follow(Patience("validation_loss"), values) == Waiting(0.3, 2, 2)
    assert follow(Patience("train_loss"), values) == Waiting(0.3, 2, 2)
    assert follow(Patience("validation_accuracy"), values) == Waiting(0.9, 3, 1)


def test_the_same_value_again_and_one_within_min_delta_are_not_better():
    assert follow(Patience(), [0.5, 0.5, 0.5]) == Waiting(0.5, 1, 2)
    assert follow(Patience(min_delta=0.1), [0.5, 0.45]) == Waiting(0.5, 1, 1)
    assert follow(Patience(min_delta=0.1), [0.5, 0.35]) == Waiting(0.35, 2, 0)


def test_patience_ends_after_so_many_values_that_are_not_better():
    rule = Patience(patience=2)
    assert [rule.over(follow(rule, values), len(values)) for values in ([1], [1, 2], [1, 2, 3], [1, 2, 0.5])] == [
        False,
        False,
        True,
        False,
    ]


def test_patience_in_steps_counts_the_versions_since_the_best_value():
    rule = Patience(patience=1, patience_steps=250)
    best = Waiting(0.5, 100, 7)
    assert [rule.over(best, version) for version in (100, 200, 349, 350, 400)] == [False, False, False, True, True]


def test_a_plateau_reduces_again_and_again_down_to_its_low():
    plateau = Plateau(gamma=0.5, low=0.2)
    assert [plateau.factor(reductions) for reductions in range(4)] == pytest.approx([1, 0.5, 0.25, 0.2])
