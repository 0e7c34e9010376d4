"""Jobs that a real parameter server and threads have trained, and their replay."""

import asyncio
from dataclasses import replace

import pytest

from chainrule.data.dataset import load_dataset
from chainrule.data.shard_tree import Node
from chainrule.server.records import Records
from chainrule.server.replay import Replay, compare
from chainrule.server.run import Run
from chainrule.wire.validation import parse_spec

SECTIONS = {
    "early_stopping": {"metric": "train_loss", "patience": 1},
    "regularization": {"l2": 0.01},
    "clipping": {"global_norm": 0.5},
}


@pytest.fixture(params=[1, 3])
def trained(request, board, spec, tmp_path, thread_launcher):
    """Return (spec, header, steps on record) of a job that some workers have trained."""
    document = spec.document() | SECTIONS
    document["network"]["input_dropout"] = 0.2

    async def scenario():
        job_id = (await board.create(document, None)).id
        await Run(job_id, board, thread_launcher(), tmp_path / job_id, workers=request.param).execute()
        records = Records(board)
        header = await records.header(job_id)
        return header, [step async for step in records.steps(job_id, 0, header.job.steps)]

    header, steps = asyncio.run(scenario())
    return parse_spec(document), header, steps


def replayed(spec):
    return Replay(spec, *load_dataset(spec))


def compared(spec, records):
    told = []
    return compare(replayed(spec), records, told.append), told


def test_a_replay_has_the_bits_of_every_step_and_of_the_end(trained):
    spec, header, steps = trained
    replay = replayed(spec)
    assert compare(replay, steps, lambda version: None) is None
    replay.finish()
    assert replay.weights_sha256 == header.job.weights_sha256
    assert [step.version for step in steps] == list(range(header.job.version))
    assert all(len(step.layers) == 2 * 8 and step.partials for step in steps)


def test_a_part_of_the_record_is_compared_alone_and_all_steps_are_told(trained):
    spec, _, steps = trained
    parting, told = compared(spec, steps[7:12])
    assert parting is None
    assert told == list(range(1, 13))


def test_another_gradient_is_named_by_its_shards_and_the_layers_that_follow(trained):
    spec, _, steps = trained
    lo, hi, digest = steps[5].partials[-1]
    wrong = replace(steps[5], partials=(*steps[5].partials[:-1], (lo, hi, bytes(16))))
    after = replace(steps[6], layers=steps[6].layers[:8] + bytes(8))
    parting, _ = compared(spec, [*steps[:5], wrong, after, *steps[7:]])
    assert (parting.version, parting.shards, parting.layers) == (5, (Node(lo, hi),), (2,))
    assert str(parting) == f"at step 5: the gradient of shards {Node(lo, hi)} and the weights of layer 2 differ"
    assert digest != bytes(16)


def test_other_weights_are_named_by_their_layers(trained):
    spec, _, steps = trained
    wrong = replace(steps[5], layers=bytes(8) + steps[5].layers[8:])
    parting, _ = compared(spec, [*steps[:5], wrong])
    assert (parting.version, parting.shards, parting.layers) == (5, (), (1,))


def test_another_loss_is_found_also_in_the_last_step(trained):
    spec, _, steps = trained
    parting, _ = compared(spec, [*steps[:-1], replace(steps[-1], loss=steps[-1].loss * (1 + 1e-15))])
    assert (parting.version, parting.loss) == (steps[-1].version, True)
    assert str(parting).endswith("the loss differ")


def test_steps_without_hashes_are_compared_by_their_loss(trained):
    spec, _, steps = trained
    bare = [replace(step, layers=b"", partials=()) for step in steps]
    assert compared(spec, bare)[0] is None
    bare[3] = replace(bare[3], loss=0.0)
    assert compared(spec, bare)[0].version == 3


def test_another_seed_parts_at_the_first_step(trained):
    spec, _, steps = trained
    other = replace(spec, training=replace(spec.training, seed=1))
    parting, _ = compared(other, steps)
    assert (parting.version, parting.layers) == (0, (1, 2))
