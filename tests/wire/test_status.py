import time
from concurrent import futures

import grpc
import pytest

from chainrule.wire import errors
from chainrule.wire.errors import ChainruleError, InvalidJob, Violation
from chainrule.wire.status import STATUS, from_call, to_status

KINDS = sorted(STATUS, key=lambda kind: kind.__name__)


def example(kind):
    if kind is InvalidJob:
        return InvalidJob([Violation("network.layers[1].units", "must be >= 1"), Violation("", "must be a table")])
    return kind("rows.csv: row 3, column 'Größe' is 'x', not a number")


class Aborting(grpc.GenericRpcHandler):
    """Ends every call as `self.end` says."""

    def service(self, handler_call_details):
        return grpc.unary_unary_rpc_method_handler(lambda _, context: self.end(context))


@pytest.fixture(scope="module")
def remote():
    """A real server on a real port, and a call to it that fails."""
    handler = Aborting()
    with futures.ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers((handler,))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:

            def call(end, timeout=5):
                handler.end = end
                with pytest.raises(grpc.RpcError) as caught:
                    channel.unary_unary("/any/Method")(b"", timeout=timeout)
                return caught.value

            yield call
        server.stop(None).wait()


def tree(kind=ChainruleError):
    return [kind, *(below for child in kind.__subclasses__() for below in tree(child))]


def test_every_error_of_the_tree_has_one_status():
    assert set(STATUS) == {kind for kind in tree() if kind.__module__ == errors.__name__} - {ChainruleError}
    assert grpc.StatusCode.OK not in STATUS.values()


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives_a_real_call(remote, kind):
    error = example(kind)
    failed = remote(lambda context: context.abort_with_status(to_status(error)))
    assert failed.code() is STATUS[kind]
    back = from_call(failed)
    assert type(back) is kind
    assert str(back) == str(error)
    assert getattr(back, "violations", None) == getattr(error, "violations", None)


@pytest.mark.parametrize("count", [20, 500])
def test_a_job_with_many_violations_is_told_as_one(remote, count):
    error = InvalidJob([Violation(f"network.layers[{i}].units", "must be >= 1") for i in range(count)])
    back = from_call(remote(lambda context: context.abort_with_status(to_status(error))))
    assert type(back) is InvalidJob
    assert back.violations[:20] == error.violations[:20]


def test_a_long_sentence_is_told_too(remote):
    error = errors.InvalidData("rows.csv has no column " + "x" * 30_000)
    back = from_call(remote(lambda context: context.abort_with_status(to_status(error))))
    assert type(back) is errors.InvalidData
    assert str(back).startswith("rows.csv has no column x")


def test_a_status_of_somebody_else_is_told_in_a_sentence(remote):
    back = from_call(remote(lambda context: context.abort(grpc.StatusCode.UNIMPLEMENTED, "not here")))
    assert type(back) is ChainruleError
    assert str(back) == "the call failed: UNIMPLEMENTED: not here"


def test_a_server_that_crashes_is_told_in_a_sentence(remote):
    def crash(context):
        raise ZeroDivisionError("oops")

    back = from_call(remote(crash))
    assert type(back) is ChainruleError
    assert "UNKNOWN" in str(back)


def test_a_server_that_takes_too_long_is_told_so(remote):
    back = from_call(remote(lambda _: time.sleep(0.2) or b"", timeout=0.05))
    assert type(back) is errors.DeadlineExceeded


def test_a_server_that_is_not_there_is_told_so():
    with grpc.insecure_channel("127.0.0.1:1") as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/any/Method")(b"", timeout=5)
    assert type(from_call(caught.value)) is errors.ServiceUnavailable
