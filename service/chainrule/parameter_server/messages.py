"""The words of the coordinator -> messages for workers."""

from chainrule.data.work import Stretch, Work
from chainrule.parameter_server.plan import Result
from chainrule.v1 import parameters_pb2 as pb
from chainrule.wire.errors import ChainruleError
from chainrule.wire.status import to_message

STOP = pb.ServerMessage(stop=pb.Stop(reason="the job has no more work for this worker"))


def work_message(work: Work) -> pb.ServerMessage:
    """Return the message of what a worker is to compute."""
    nodes = [pb.Node(lo=node.lo, hi=node.hi) for node in work.nodes]
    message = pb.Work(version=work.version, nodes=nodes, train=work.train, evaluate=work.evaluate)
    if work.stretch is not None:
        message.stretch.CopyFrom(_stretch_message(work.stretch))
    return pb.ServerMessage(work=message)


def _stretch_message(stretch: Stretch) -> pb.Stretch:
    return pb.Stretch(
        number=stretch.number,
        until=stretch.until,
        nodes=[pb.Node(lo=node.lo, hi=node.hi) for node in stretch.nodes],
        workers=stretch.workers,
        seat=stretch.seat,
        factor=stretch.factor,
    )


def result_message(result: Result) -> pb.ServerMessage:
    """Return the message of what became of a push."""
    node = pb.Node(lo=result.node.lo, hi=result.node.hi)
    return pb.ServerMessage(
        result=pb.PushResult(version=result.version, node=node, outcome=f"OUTCOME_{result.outcome.name}")
    )


def failure_message(error: ChainruleError) -> pb.ServerMessage:
    """Return the message of an error."""
    return pb.ServerMessage(failure=to_message(error).SerializeToString())
