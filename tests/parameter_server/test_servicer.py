import grpc
import numpy as np
import pytest

from chainrule.nn import initialize
from chainrule.v1 import parameters_pb2 as pb
from chainrule.wire.errors import Fenced, JobNotFound
from chainrule.wire.messages import spec_from_message
from chainrule.wire.status import from_call


def machine(**parts):
    return pb.Machine(**{"host": "h", "cpu": "c", "numpy": "2", "blas": "b"} | parts)


def join(served, worker="w1", job_id="a1", **parts):
    return served.stub.Join(pb.JoinRequest(job_id=job_id, worker=worker, machine=machine(**parts)), timeout=10)


def test_a_worker_that_joins_learns_all_it_needs(served):
    joined = join(served)
    assert (joined.generation, joined.incarnation) == (7, 1)
    assert joined.heartbeat_seconds == 1
    assert spec_from_message(joined.spec) == served.job.spec
    assert tuple(joined.layer_sizes) == served.network.sizes == (3, 5, 2)
    assert joined.steps_per_epoch == 6


def test_each_worker_gets_an_incarnation_of_its_own(served):
    assert [join(served, "w").incarnation for _ in range(3)] == [1, 2, 3]


def test_a_worker_of_another_job_is_refused(served):
    with pytest.raises(grpc.RpcError) as caught:
        join(served, job_id="b2")
    assert type(from_call(caught.value)) is JobNotFound
    assert not served.coordinator.knows(7, 1)


def test_a_heartbeat_renews_the_lease_and_is_fenced_behind_its_end(served):
    joined = join(served)
    beat = pb.HeartbeatRequest(generation=7, incarnation=joined.incarnation)
    served.stub.Heartbeat(beat, timeout=10)
    for wrong in (
        pb.HeartbeatRequest(generation=6, incarnation=joined.incarnation),
        pb.HeartbeatRequest(generation=7, incarnation=9),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            served.stub.Heartbeat(wrong, timeout=10)
        assert type(from_call(caught.value)) is Fenced


def test_a_heartbeat_brings_what_the_worker_sees_of_layers_that_there_are(served):
    joined = join(served)
    seen = [pb.LayerActivity(layer=1, saturation=0.5), pb.LayerActivity(layer=2, saturation=7.0)]
    strange = [pb.LayerActivity(layer=L, saturation=0.5) for L in (0, 3)]
    beat = pb.HeartbeatRequest(generation=7, incarnation=joined.incarnation, layers=seen + strange)
    served.stub.Heartbeat(beat, timeout=10)
    kept = served.coordinator._layers._seen[joined.incarnation]
    assert {L: layer.saturation for L, layer in kept.items()} == {1: 0.5, 2: None}


def test_anybody_may_pull_the_weights_in_one_version(served):
    chunks = list(served.stub.Pull(pb.PullRequest(), timeout=10))
    assert {chunk.version for chunk in chunks} == {0}
    flat = np.frombuffer(b"".join(chunk.data for chunk in chunks), "<f4")
    np.testing.assert_array_equal(flat, initialize(served.network, served.job.spec.training.seed).flat)


def test_a_machine_that_differs_is_warned_of_by_what_differs(served):
    join(served, "w1")
    join(served, "w2")
    join(served, "w3", blas="other", host="elsewhere")
    warnings = served.coordinator.next_report().warnings
    assert warnings == ("worker w3 has blas 'other', the first worker 'b': the bits may differ",)
