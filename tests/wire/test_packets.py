import pytest

from chainrule.wire import packets


def test_packets_stay_apart():
    listener, name = packets.listen()
    with listener, packets.connect(name, 5.0) as caller:
        taken, _ = listener.accept()
        with taken:
            for packet in (b"a", b"bc", b"d" * packets.MOST_BYTES):
                caller.send(packet)
            assert [taken.recv(packets.MOST_BYTES) for _ in range(3)] == [b"a", b"bc", b"d" * packets.MOST_BYTES]


def test_nobody_listens_under_another_name():
    with pytest.raises(OSError, match="refused"):
        packets.connect("chainrule-nobody", 5.0)
