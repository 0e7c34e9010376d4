import asyncio

from chainrule.server.child import Child

ECHO = """
from chainrule.wire.control import Control
control = Control()
for command in control.commands():
    print("noise that a library makes")
    control.send("echo", **command)
    if command.get("end"):
        break
"""


def conversation(folder, monkeypatch, talk):
    (folder / "echoing.py").write_text(ECHO)
    monkeypatch.setenv("PYTHONPATH", str(folder))

    async def scenario():
        return await talk(await Child.start("echoing", folder / "log"))

    return asyncio.run(scenario())


def test_commands_go_and_events_come_whatever_a_library_prints(tmp_path, monkeypatch):
    async def talk(child):
        await child.send(number=1, text="ä" * 1_000_000)
        await child.send(number=2, end=True)
        events = [event async for event in child.events()]
        return events, await child.stop(5)

    events, code = conversation(tmp_path, monkeypatch, talk)
    assert [event["number"] for event in events] == [1, 2]
    assert len(events[0]["text"]) == 1_000_000
    assert code == 0
    assert "noise" in (tmp_path / "log").read_text()


def test_a_child_ends_when_its_stdin_does(tmp_path, monkeypatch):
    async def talk(child):
        return await child.stop(5)

    assert conversation(tmp_path, monkeypatch, talk) == 0


def test_a_child_that_does_not_end_is_killed(tmp_path, monkeypatch):
    (tmp_path / "deaf.py").write_text("import signal; signal.pause()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    async def scenario():
        child = await Child.start("deaf", tmp_path / "log")
        return await child.stop(0.1)

    assert asyncio.run(scenario()) == -9


def test_a_command_to_a_child_that_has_ended_is_lost_and_harms_nobody(tmp_path, monkeypatch):
    async def talk(child):
        await child.send(end=True)
        assert len([event async for event in child.events()]) == 1
        for _ in range(3):
            await child.send(text="x" * 100_000)
        return await child.stop(5)

    assert conversation(tmp_path, monkeypatch, talk) == 0
