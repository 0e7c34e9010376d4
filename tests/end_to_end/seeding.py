"""Puts jobs into the store of a service that does not run."""

import math
from datetime import UTC, datetime

from chainrule.server.jobs import Move
from chainrule.server.service import STORE
from chainrule.server.store import Store
from chainrule.wire.validation import parse_spec

SPEC = {"data": {"train": "digits.csv", "label": "label"}, "network": {"layers": [{"units": 64}, {}]}}


def seed(data_dir, jobs, steps=0):
    """So many jobs that were cancelled behind so many steps; return their ids."""
    data_dir.mkdir(parents=True, exist_ok=True)
    store, now = Store(data_dir / STORE), datetime.now(UTC)
    ids = []
    for number in range(jobs):
        job = store.create(parse_spec(SPEC | {"name": f"job {number}"}).document(), None, now)[0]
        losses = [(version, _loss(version, steps), 128, 0.01) for version in range(steps)]
        store.update(job.id, now, {"version": steps, "steps": steps}, history={"steps": losses})
        store.move(job.id, Move.CANCEL, now, "cancelled by the user")
        ids.append(job.id)
    store.close()
    return ids


def _loss(version, steps):
    """Falls, shakes, and has one spike of one step."""
    if version == steps // 3:
        return 50.0
    return 3.0 * math.exp(-4 * version / steps) + 0.2 * math.sin(version * 1.7)
