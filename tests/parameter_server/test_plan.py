from chainrule.parameter_server.plan import Plan


def test_there_is_training_up_to_the_last_version():
    plan = Plan(steps=6, steps_per_epoch=3, shards=1, validates=True)
    assert [plan.trains(version) for version in range(8)] == [True] * 6 + [False] * 2


def test_there_is_evaluation_behind_each_epoch():
    plan = Plan(steps=6, steps_per_epoch=3, shards=1, validates=True)
    assert [version for version in range(7) if plan.evaluates(version)] == [3, 6]


def test_without_validation_rows_there_is_no_evaluation():
    plan = Plan(steps=6, steps_per_epoch=3, shards=1, validates=False)
    assert not any(map(plan.evaluates, range(7)))
