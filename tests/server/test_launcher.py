import asyncio
import socket

import pytest

from chainrule.server.launcher import Launcher
from chainrule.wire.errors import LaunchFailed


def test_something_that_listens_but_is_no_ray_is_given_up(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        launcher = Launcher(tmp_path / "log", address, None, lambda: None, start_seconds=3)
        with pytest.raises(LaunchFailed, match="has not come up within 3 s"):
            asyncio.run(launcher.start())
    assert launcher.cpus == 0


def test_a_job_cannot_be_prepared_without_ray(tmp_path):
    launcher = Launcher(tmp_path / "log", None, None, lambda: None)
    with pytest.raises(LaunchFailed, match="no Ray"):
        asyncio.run(launcher.prepare("a1", None, print))


def test_the_end_of_a_worker_is_told_to_its_job_and_to_whoever_waits_for_a_cpu(tmp_path):
    told = []
    launcher = Launcher(tmp_path / "log", None, None, lambda: told.append("changed"))
    launcher._watchers["a1"] = lambda worker, reason: told.append((worker, reason))
    for job_id in ("a1", "another"):
        launcher._take({"event": "worker_ended", "job_id": job_id, "worker": "w1", "reason": None})
    assert told == [("w1", None), "changed"]


def test_why_ray_cannot_be_started_again_is_a_trouble_until_it_is(tmp_path, monkeypatch):
    changes = []

    async def scenario():
        launcher = Launcher(tmp_path / "log", None, None, lambda: changes.append(launcher.trouble))
        attempts = 0

        async def start():
            nonlocal attempts
            attempts += 1
            launcher.lost = asyncio.Event()
            if attempts == 1:
                launcher.lost.set()
                raise LaunchFailed("no folder for Ray")
            launcher.trouble = None
            back.set()

        back = asyncio.Event()
        monkeypatch.setattr(launcher, "start", start)
        launcher.lost.set()
        keeping = asyncio.create_task(launcher.keep_alive())
        await asyncio.wait_for(back.wait(), 20)
        keeping.cancel()
        assert await launcher.obstacle() == "there is no Ray at present"
        launcher.trouble = "no folder for Ray"
        assert await launcher.obstacle() == "no folder for Ray"

    asyncio.run(scenario())
    assert changes == ["Ray has ended and cannot be started again: no folder for Ray"]
