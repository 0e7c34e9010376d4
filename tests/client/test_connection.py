import itertools
import threading

import grpc

from chainrule.client.connection import Patience

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


class TestPatience:
    def test_pauses_grow_until_the_time_is_over(self, monkeypatch):
        pauses, closed = [], threading.Event()
        monkeypatch.setattr(closed, "wait", pauses.append)
        clock = itertools.chain([0, 1, 9.5, 10.5, 11]).__next__
        patience = Patience(10, closed, clock)
        assert [patience.wait() for _ in range(4)] == [True, True, True, False]
        assert pauses == [0.1, 0.2, 0.4]
        patience.renew()
        assert patience.wait()
        assert pauses[-1] == 0.1

    def test_ends_at_once_when_the_client_is_closed(self):
        closed = threading.Event()
        closed.set()
        assert not Patience(10, closed).wait()
