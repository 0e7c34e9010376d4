import asyncio

import grpc
import pytest

from chainrule.server.timing import Timing

IDENTITY = {"request_deserializer": bytes, "response_serializer": bytes}


class Service(grpc.GenericRpcHandler):
    """Each method answers as its name says."""

    def service(self, details):
        _, service, method = details.method.split("/")
        kind = {"Good": "unary_unary", "Bad": "unary_unary", "Broken": "unary_unary", "Told": "stream_stream"}.get(
            method
        )
        if kind is None or service not in ("ours", "theirs"):
            return None
        return getattr(grpc, f"{kind}_rpc_method_handler")(getattr(self, method), **IDENTITY)

    async def Good(self, request, context):  # noqa: N802
        return request

    async def Bad(self, request, context):  # noqa: N802
        await context.abort(grpc.StatusCode.NOT_FOUND, "there is none")

    async def Broken(self, request, context):  # noqa: N802
        raise ValueError("an error of its own")

    async def Told(self, requests, context):  # noqa: N802
        async for request in requests:
            yield request
        yield b"end"
        await asyncio.Event().wait()


@pytest.fixture
def observed():
    return []


def played(observed, play):
    """Run a server with an observed service `ours` while `play` calls it."""

    async def scenario():
        server = grpc.aio.server(interceptors=[Timing("ours", lambda *call: observed.append(call))])
        server.add_generic_rpc_handlers((Service(),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await play(channel)
        await server.stop(None)

    asyncio.run(scenario())


@pytest.mark.parametrize(("method", "code"), [("Good", "OK"), ("Bad", "NOT_FOUND"), ("Broken", "UNKNOWN")])
def test_a_call_is_observed_with_its_code(observed, method, code):
    async def play(channel):
        call = channel.unary_unary(f"/ours/{method}")(b"x")
        assert (await call.code()).name == code

    played(observed, play)
    [(name, told, seconds)] = observed
    assert (name, told) == (method, code)
    assert 0 <= seconds < 30


def test_a_stream_is_observed_when_its_reader_has_gone(observed):
    async def play(channel):
        call = channel.stream_stream("/ours/Told")(iter([b"a", b"b"]))
        assert [await call.read() for _ in range(3)] == [b"a", b"b", b"end"]
        assert observed == []
        call.cancel()

    played(observed, play)
    assert [told[:2] for told in observed] == [("Told", "CANCELLED")]


def test_other_services_and_names_that_strangers_make_up_are_not(observed):
    async def play(channel):
        await channel.unary_unary("/theirs/Good")(b"x")
        with pytest.raises(grpc.RpcError):
            await channel.unary_unary("/ours/Anything")(b"x")

    played(observed, play)
    assert observed == []
