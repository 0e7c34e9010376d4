"""Watches a job many times at once, and tells what came when. Arguments: address, http, job, how many."""

import asyncio
import json
import sys
import time

import grpc
import httpx

from chainrule.v1 import training_pb2 as pb
from chainrule.v1.training_pb2_grpc import TrainingServiceStub


async def by_page(client, job, found, ready):
    async with client.stream("GET", f"/api/jobs/{job}/events") as response:
        ready()
        number = None
        async for line in response.aiter_lines():
            if line.startswith("id: "):
                number = int(line[4:])
            elif line.startswith('data: {"number"'):
                found.append((number, time.time(), json.loads(line[6:])["time"]))


async def by_call(stub, job, found, ready):
    call = stub.WatchJob(pb.WatchJobRequest(job_id=job, after=0))
    ready()
    async for event in call:
        moment = event.time.ToDatetime().isoformat() + "Z"
        found.append((event.number, time.time(), moment))


async def main(address, http, job, many):
    found = [[] for _ in range(many)]
    waiting = many

    def ready():
        nonlocal waiting
        waiting -= 1
        if not waiting:
            sys.stdout.write("ready\n")
            sys.stdout.flush()

    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=http, timeout=None, limits=limits) as client:
        channels = [grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) for _ in range(8)]
        stubs = [TrainingServiceStub(channel) for channel in channels]
        await asyncio.gather(
            *(by_page(client, job, each, ready) for each in found[::2]),
            *(by_call(stubs[i % 8], job, each, ready) for i, each in enumerate(found[1::2])),
        )
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
