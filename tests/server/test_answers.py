import asyncio

import pytest

from chainrule.server.answers import FRESH_SECONDS, KEPT, Answers


def test_many_who_ask_at_once_share_one_answer_and_a_later_one_gets_another():
    now, made = 0.0, []

    async def make():
        made.append(len(made))
        await asyncio.sleep(0)
        return b"%d" % made[-1]

    async def scenario():
        nonlocal now
        answers = Answers(lambda: now)
        assert set(await asyncio.gather(*(answers.get("a", make) for _ in range(20)))) == {b"0"}
        assert await answers.get("b", make) == b"1"
        now += FRESH_SECONDS + 0.1
        assert await answers.get("a", make) == b"2"
        for key in range(KEPT + 1):
            await answers.get(key, make)
        assert len(answers._made) == KEPT

    asyncio.run(scenario())


def test_a_failure_is_told_and_tried_again():
    async def fail():
        raise ValueError("no")

    async def succeed():
        return b"yes"

    async def scenario():
        answers = Answers()
        with pytest.raises(ValueError, match="no"):
            await answers.get("a", fail)
        assert await answers.get("a", succeed) == b"yes"

    asyncio.run(scenario())


def test_one_who_leaves_does_not_take_the_answer_along():
    async def scenario():
        answers, go = Answers(), asyncio.Event()

        async def make():
            await go.wait()
            return b"there"

        first, second = (asyncio.create_task(answers.get("a", make)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        go.set()
        assert await second == b"there"

    asyncio.run(scenario())
