"""A worker whose computing takes simulated time: what it does with what the server tells it."""

from collections import deque
from collections.abc import Callable
from typing import Any

from simulated_job import Job
from simulated_server import Push, Server
from simulated_stretch import take

from chainrule.data.shard_tree import Node
from chainrule.data.work import Stretch, Work
from chainrule.parameter_server.plan import Outcome, Result
from chainrule.wire.errors import Fenced

SECONDS_PER_SHARD = 0.2


class Worker:
    """One incarnation; `send` takes its pushes, `end` hears of its end and why it came."""

    def __init__(
        self,
        job: Job,
        server: Server,
        send: Callable[[Push], None],
        end: Callable[["Worker", str], None],
        *,
        slowness: float,
        local: bool,  # it reads the weights where a step changes them
        lost: float,  # how likely it dies, and with it the push that it has just computed
    ) -> None:
        self.job, self.server, self.time, self.send, self.end = job, server, server.time, send, end
        self.slowness, self.local, self.lost = slowness, local, lost
        self.incarnation = server.join()
        self.gone, self.stalled_until = False, 0.0
        self.inbox: deque[Any] = deque()  # what it has not read
        self.todo: deque[Any] = deque()  # what it has to compute
        self.stretching: Work | None = None

    def __str__(self) -> str:
        return f"worker {self.incarnation}.{self.server.generation}"

    def say(self, *words: object) -> None:
        self.time.say(self, *words)

    def begin(self) -> None:
        self.server.open(self.incarnation, self.receive, together=self.local)
        self.soon(1.0, self.beat)

    def soon(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something, unless it is gone by then; while it is stalled it waits."""
        self.time.later(seconds, self.act, action)

    def act(self, action: Callable[[], None]) -> None:
        if self.stalled_until > self.time.now:
            self.soon(self.stalled_until - self.time.now, action)
        elif not self.gone:
            action()

    def beat(self) -> None:
        try:
            self.server.coordinator.heartbeat(self.server.generation, self.incarnation)
        except Fenced:
            return
        self.soon(1.0, self.beat)

    def receive(self, message: Any) -> None:
        self.inbox.append(message)
        self.act(self.read)

    def read(self) -> None:
        """Go through the messages up to the first one that gives work."""
        if self.inbox and self.stretching is not None:
            self.say("leaves its stretch")
            self.stretching = None
        while self.inbox and not self.todo and self.stretching is None and not self.gone:
            match self.inbox.popleft():
                case None:
                    self.end(self, "is sent away")
                case Result(version, node, outcome):
                    self.server.told[self.incarnation, version, node, outcome] += 1
                    if outcome is Outcome.FENCED:
                        self.end(self, "is fenced")
                case Work(stretch=Stretch()) as work:
                    self.stretch(work)
                case Work() as work:
                    live = self.server.coordinator.live_weights
                    weights = live if self.local else live.copy()
                    self.todo += [(weights, work.version, node) for node in work.nodes]
                    self.say(f"begins with {', '.join(map(str, work.nodes))} of version {work.version}")
                    self.compute()

    def stretch(self, work: Work) -> None:
        """Take steps with the others, unless a message comes before the end."""
        self.stretching = work
        steps, made = take(self.job, work, self.server.coordinator.live_weights, self.server.state.slots)
        self.say(f"begins with a stretch from version {work.version}, which has {len(steps)} steps")

        def tell() -> None:
            if self.stretching is work:
                self.stretching = None
                self.say(f"tells of the stretch from version {work.version}")
                told = self.incarnation, work.stretch.number, steps, made
                self.time.later(self.time.lag(), self.server.stretched, *told)

        self.soon(len(steps) * sum(map(self.seconds, work.nodes)), tell)

    def compute(self) -> None:
        *_, node = self.todo[0]
        self.soon(self.seconds(node), self.answer)

    def seconds(self, node: Node) -> float:
        return (node.hi - node.lo) * SECONDS_PER_SHARD * self.slowness * self.time.rng.uniform(0.7, 1.3)

    def answer(self) -> None:
        weights, version, node = self.todo.popleft()
        partial = self.job.partial(weights, version, node)
        if self.time.chance(self.lost):
            return self.end(self, f"dies, and with it its push of {node} at version {version}")
        self.send(Push(self.incarnation, self.server.generation, version, node, partial))
        return self.compute() if self.todo else self.read()
