import json

from hypothesis import given
from hypothesis import strategies as st

from chainrule.nn import Patience, Plateau, Waiting
from chainrule.parameter_server.watch import Memory, Watch, make_watch
from chainrule.wire.partials import Sums
from chainrule.wire.validation import parse_spec

losses = st.lists(st.floats(0, 100), min_size=1, max_size=30)


def follow(watch, losses):
    memory, memories = Memory(), []
    for version, loss in enumerate(losses, start=1):
        memory = watch.after_epoch(memory, version, Sums(loss, 1.0, 0.0))
        memories.append(memory)
    return memories


@given(losses, st.integers(1, 5))
def test_it_stops_at_the_first_epoch_that_ends_the_patience(losses, patience):
    memories = follow(Watch(Patience("validation_loss", patience)), losses)
    for i, memory in enumerate(memories):
        best = min(losses[: i + 1])
        since = i - losses.index(best)
        assert memory.stopping == Waiting(best, losses.index(best) + 1, since)
        assert memory.ended == (since >= patience)


@given(losses, st.integers(1, 20), st.integers(1, 60))
def test_patience_in_steps_ends_with_the_first_epoch_that_is_so_far_from_the_best(losses, steps_per_epoch, steps):
    watch, memory = Watch(Patience("validation_loss", patience_steps=steps)), Memory()
    for i, loss in enumerate(losses):
        memory = watch.after_epoch(memory, (i + 1) * steps_per_epoch, Sums(loss, 1.0, 0.0))
        best = losses.index(min(losses[: i + 1]))
        assert memory.stopping.version == (best + 1) * steps_per_epoch
        assert memory.ended == ((i - best) * steps_per_epoch >= steps)


def test_a_plateau_starts_to_wait_anew_after_each_reduction():
    watch = Watch(plateau=Plateau(patience=2, gamma=0.5))
    memories = follow(watch, [1.0] * 6)
    assert [memory.reductions for memory in memories] == [0, 0, 1, 1, 2, 2]
    assert [watch.factor(memory) for memory in memories] == [1, 1, 0.5, 0.5, 0.25, 0.25]


def test_without_rules_nothing_happens():
    assert follow(Watch(), [1.0, 2.0])[-1] == Memory()
    assert Watch().factor(Memory(reductions=3)) == 1
    assert Watch().describe(Memory(ended=True), 5, 5) == ""


def test_the_training_loss_is_that_of_the_whole_epoch():
    watch = Watch(Patience("train_loss"))
    memory = watch.after_epoch(Memory(epoch=Sums(6.0, 4.0)), 9, None)
    assert memory.stopping == Waiting(1.5, 9)
    assert memory.epoch == Sums()


@given(losses)
def test_a_memory_survives_the_trip_to_json(losses):
    for memory in follow(Watch(Patience(), Plateau()), losses):
        assert Memory.from_document(json.loads(json.dumps(memory.document()))) == memory


def test_how_it_ended_is_said_in_one_sentence():
    memory = Memory(stopping=Waiting(0.25, 1200), ended=True)
    watch = Watch(Patience())
    expected = "validation_loss was best, 0.25, at step 1,200, and the weights are those"
    assert watch.describe(memory, 2000, 2000) == expected
    assert watch.describe(memory, 1800, 2000) == f"stopped early at step 1,800 of 2,000: {expected}"
    assert watch.describe(Memory(stopping=Waiting(0.25, 1200)), 1800, 2000) == ""


def spec(**sections):
    return parse_spec({"data": {"train": "a.csv", "label": "y"}, "network": {"layers": [{"units": 6}, {}]}, **sections})


def test_a_job_that_says_nothing_follows_no_metric():
    assert make_watch(spec()) == Watch()


def test_what_follows_metrics_reaches_the_watch():
    watch = make_watch(
        spec(
            schedule={"name": "plateau", "patience": 3, "gamma": 0.2, "low": 0.01, "min_delta": 0.5},
            early_stopping={"metric": "validation_accuracy", "patience": 7, "min_delta": 0.125},
        )
    )
    assert watch.stopping == Patience("validation_accuracy", 7, 0.125)
    assert watch.plateau == Plateau("validation_loss", 3, 0.5, 0.2, 0.01)


def test_patience_is_ten_epochs_or_as_many_steps_as_the_job_says():
    assert make_watch(spec(early_stopping={})).stopping == Patience("validation_loss", 10, 0.0)
    stopping = make_watch(spec(early_stopping={"patience_steps": 500})).stopping
    assert stopping == Patience("validation_loss", patience_steps=500)
