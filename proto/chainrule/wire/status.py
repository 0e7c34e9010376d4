"""Errors <-> gRPC status, each way once. Violations travel as google.rpc.BadRequest, which other clients read too."""

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


def to_status(error: ChainruleError) -> grpc.Status:
    """Return the status, with its code, message and details, that a server ends a call with."""
    info = error_details_pb2.ErrorInfo(reason=error.code, domain=_DOMAIN)
    status = status_pb2.Status(code=STATUS[type(error)].value[0], message=str(error), details=[_pack(info)])
    if isinstance(error, InvalidJob):
        wrong = [{"field": v.path, "description": v.problem} for v in error.violations]
        status.details.append(_pack(error_details_pb2.BadRequest(field_violations=wrong)))
    result: grpc.Status = rpc_status.to_status(status)
    return result


def from_call(call: grpc.RpcError) -> ChainruleError:
    """Return the error that a failed call stands for, ours or gRPC's own."""
    status = rpc_status.from_call(call)
    if status is not None:
        info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        for detail in status.details:
            detail.Unpack(info)
            detail.Unpack(bad_request)
        if info.domain == _DOMAIN and info.reason == InvalidJob.__name__:
            return InvalidJob([Violation(v.field, v.description) for v in bad_request.field_violations])
        if info.domain == _DOMAIN and info.reason in _BY_NAME:
            return _BY_NAME[info.reason](status.message)
    return _foreign(call)


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
