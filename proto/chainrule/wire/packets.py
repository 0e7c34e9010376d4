"""Messages of the Exchange over a Unix socket that keeps packets apart, between processes of one host."""

import secrets
import socket

MOST_BYTES = 150_000
"""No message is longer: gradients and weights lie in shared memory. Linux takes this without being asked."""


def listen() -> tuple[socket.socket, str]:
    """Return a listening socket and its name in Linux's abstract namespace, where no file is left behind."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    name = f"chainrule-{secrets.token_hex(8)}"
    listener.bind(f"\0{name}")
    listener.listen()
    return listener, name


def connect(name: str, seconds: float) -> socket.socket:
    """Return a connection. Raises OSError where nobody listens, as on any other host."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.settimeout(seconds)
    try:
        connection.connect(f"\0{name}")
    except OSError:
        connection.close()
        raise
    return connection
