import asyncio

from hypothesis import given
from hypothesis import strategies as st

from chainrule.server.feed import RECENT, Feed


class Source:
    """Events that are there; each look is counted, and lets others run."""

    def __init__(self, events=0):
        self.events, self.looks, self.over = events, 0, False

    async def look(self, number, limit):
        self.looks += 1
        over, last = self.over, self.events
        await asyncio.sleep(0)
        return over, [b"%d" % i for i in range(number + 1, min(last, number + limit) + 1)]


async def follow(feed, number, found):
    while True:
        news = feed.news
        ended, events = await feed.behind(number)
        found += map(int, events)
        number += len(events)
        if ended:
            return
        if not events:
            await news.wait()


@given(st.lists(st.integers(0, 400), min_size=1, max_size=8), st.lists(st.integers(0, 300), max_size=8))
def test_everybody_gets_every_event_once(starts, bursts):
    async def scenario():
        source = Source(400)
        feed = Feed(source.look)
        found = [[] for _ in starts]
        readers = [asyncio.create_task(follow(feed, start, each)) for start, each in zip(starts, found, strict=True)]
        for burst in bursts:
            await asyncio.sleep(0)
            source.events += burst
            feed.wake()
        source.over = True
        feed.wake()
        await asyncio.gather(*readers)
        assert found == [list(range(start + 1, source.events + 1)) for start in starts]

    asyncio.run(scenario())


def test_an_event_is_read_once_for_all():
    async def scenario():
        source = Source()
        feed = Feed(source.look)
        found = [[] for _ in range(50)]
        readers = [asyncio.create_task(follow(feed, 0, each)) for each in found]
        for _ in range(10):
            source.events += 1
            feed.wake()
            while any(len(each) < source.events for each in found):
                await asyncio.sleep(0)
        assert source.looks <= 12
        for reader in readers:
            reader.cancel()

    asyncio.run(scenario())


def test_who_is_far_behind_reads_by_himself_and_memory_is_bounded():
    async def scenario():
        source = Source(10 * RECENT)
        feed, late = Feed(source.look), []
        await feed.behind(10 * RECENT)
        for _ in range(3):
            source.events += RECENT // 2
            feed.wake()
            await feed.behind(feed._last)
        source.over = True
        feed.wake()
        await follow(feed, 0, late)
        assert late == list(range(1, source.events + 1))
        assert len(feed._recent) <= RECENT

    asyncio.run(scenario())
