"""Errors <-> gRPC status, each way once. Violations travel as google.rpc.BadRequest, which other clients read too."""

from collections.abc import Sequence
from itertools import accumulate

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from chainrule.wire import errors
from chainrule.wire.errors import ChainruleError, InvalidJob, Violation

STATUS: dict[type[ChainruleError], grpc.StatusCode] = {
    errors.InvalidJob: grpc.StatusCode.INVALID_ARGUMENT,
    errors.ShapeMismatch: grpc.StatusCode.INVALID_ARGUMENT,
    errors.InvalidData: grpc.StatusCode.INVALID_ARGUMENT,
    errors.JobNotFound: grpc.StatusCode.NOT_FOUND,
    errors.JobAmbiguous: grpc.StatusCode.INVALID_ARGUMENT,
    errors.DatasetNotFound: grpc.StatusCode.NOT_FOUND,
    errors.ModelNotFound: grpc.StatusCode.NOT_FOUND,
    errors.JobNotRunning: grpc.StatusCode.FAILED_PRECONDITION,
    errors.JobNotFinished: grpc.StatusCode.FAILED_PRECONDITION,
    errors.Fenced: grpc.StatusCode.FAILED_PRECONDITION,
    errors.TooMuch: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.ServiceUnavailable: grpc.StatusCode.UNAVAILABLE,
    errors.DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.TrainingFailed: grpc.StatusCode.INTERNAL,
    errors.LaunchFailed: grpc.StatusCode.INTERNAL,
}
_BY_NAME = {kind.__name__: kind for kind in STATUS}
_DOMAIN = "chainrule"
LONGEST_TEXT, VIOLATIONS_LENGTH = 1000, 3000


def to_status(error: ChainruleError) -> grpc.Status:
    """Return the status, with its code, message and details, that a server ends a call with."""
    result: grpc.Status = rpc_status.to_status(to_message(error))
    return result


def to_message(error: ChainruleError) -> status_pb2.Status:
    """Return the error as a message."""
    info = error_details_pb2.ErrorInfo(reason=error.code, domain=_DOMAIN)
    status = status_pb2.Status(
        code=STATUS.get(type(error), grpc.StatusCode.INTERNAL).value[0], message=_cut(str(error)), details=[_pack(info)]
    )
    if isinstance(error, InvalidJob):
        wrong = [{"field": _cut(v.path), "description": _cut(v.problem)} for v in _told(error.violations)]
        status.details.append(_pack(error_details_pb2.BadRequest(field_violations=wrong)))
    return status


def _cut(text: str) -> str:
    """Return a text that fits into metadata, of which gRPC takes 8 KiB without complaint."""
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 4] + " ..."


def _told(violations: Sequence[Violation]) -> Sequence[Violation]:
    """Return as many violations as fit, and how many there are beside them."""
    sizes = accumulate(len(_cut(violation.path)) + len(_cut(violation.problem)) + 8 for violation in violations)
    fitting = sum(size <= VIOLATIONS_LENGTH for size in sizes)
    rest = len(violations) - fitting
    return violations if not rest else (*violations[:fitting], Violation("", f"and {rest} more"))


def from_call(call: grpc.RpcError) -> ChainruleError:
    """Return the error that a failed call stands for, ours or gRPC's own."""
    status = rpc_status.from_call(call)
    return (status and from_message(status)) or _foreign(call)


def from_message(status: status_pb2.Status) -> ChainruleError | None:
    """Return our error that a message stands for."""
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad_request)
    if info.domain != _DOMAIN or info.reason not in _BY_NAME:
        return None
    if info.reason == InvalidJob.__name__:
        return InvalidJob([Violation(v.field, v.description) for v in bad_request.field_violations])
    return _BY_NAME[info.reason](status.message)


def _foreign(call: grpc.RpcError) -> ChainruleError:
    code, details = call.code(), call.details() or ""
    if code is grpc.StatusCode.UNAVAILABLE:
        return errors.ServiceUnavailable(f"the service does not answer ({details})")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return errors.DeadlineExceeded("the service did not answer in time")
    return ChainruleError(f"the call failed: {code.name}: {details}")


def _pack(message: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
