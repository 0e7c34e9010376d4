"""How the service speaks to a process that it starts: JSON lines, commands on its stdin, events from its stdout.

The end of stdin means that the service has died; the process then ends itself.
"""

import json
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any


class Control:
    """The child's side. Takes stdout for itself, so that nothing a library prints can disturb the conversation."""

    def __init__(self) -> None:
        self._events = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        self._lock = threading.Lock()

    def send(self, event: str, **content: Any) -> None:
        """Tell the service what happened."""
        with self._lock:
            self._events.write(json.dumps({"event": event, **content}) + "\n")
            self._events.flush()

    def commands(self) -> Iterator[dict[str, Any]]:
        """Yield the service's commands until it ends."""
        for line in sys.stdin:
            yield json.loads(line)
