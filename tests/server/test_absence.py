import asyncio

import pytest

from chainrule.server.absence import Absence


@pytest.fixture
def played():
    """Play a scenario with an absence whose patience is over at once; return what it has told."""

    def play(scenario, reasons=("no room",)):
        told, news = [], asyncio.Queue()
        left = list(reasons)

        async def explain():
            return left.pop(0) if len(left) > 1 else left[0]

        async def tell(warning, none):
            told.append((warning, none))
            await news.put(warning)

        async def run():
            absence = Absence(explain, tell, patience=0.01)
            await asyncio.wait_for(scenario(absence, news), 20)
            absence.stop()
            assert absence.trouble is None

        asyncio.run(run())
        return told

    return play


def test_that_no_worker_comes_is_told_once_with_the_reason(played):
    async def scenario(absence, news):
        assert not absence.note(0, 2)
        warning = await news.get()
        assert absence.trouble == warning
        await asyncio.sleep(0.1)  # some patiences more

    assert played(scenario) == [("no worker could be started within 0 s: no room", True)]


def test_another_reason_is_told_again(played):
    async def scenario(absence, news):
        absence.note(0, 1)
        for _ in range(2):
            await news.get()

    told = played(scenario, ["no room", "no room", "no CPU"])
    assert [warning.rpartition(": ")[2] for warning, _ in told] == ["no room", "no CPU"]


def test_the_trouble_ends_with_the_first_worker_and_what_is_missing_is_told(played):
    async def scenario(absence, news):
        absence.note(0, 3)
        await news.get()
        assert absence.note(1, 3)
        assert absence.trouble is None
        assert not absence.note(1, 3)
        await news.get()
        assert absence.trouble is None

    assert played(scenario)[1:] == [("2 of 3 workers could not be started within 0 s: no room", False)]


@pytest.mark.parametrize("numbers", [[(2, 2)], [(0, 2), (2, 2)], [(0, 0)], [(0, 2), (0, 0)], [(3, 1)]])
def test_nothing_is_told_where_nobody_is_missing_throughout(played, numbers):
    async def scenario(absence, news):
        for joined, wanted in numbers:
            assert not absence.note(joined, wanted)
        await asyncio.sleep(0.1)

    assert played(scenario) == []


def test_a_trouble_ends_when_ray_does(played):
    async def scenario(absence, news):
        absence.note(0, 1)
        await news.get()
        assert absence.note(0, 0)

    assert len(played(scenario)) == 1
