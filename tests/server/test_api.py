import asyncio
import json
import math
from datetime import timedelta

import pytest
from web import ORDER, events, served

from chainrule.server.jobs import Move
from chainrule.server.sse import EventStream


def play(board, path, launcher, folder, scenario):
    async def run():
        async with served(board, path, launcher, folder) as web:
            return await asyncio.wait_for(scenario(web), 30)

    return asyncio.run(run())


@pytest.fixture
def web(board, path, thread_launcher, tmp_path):
    """Play a scenario with the service's web application, whose cluster has no CPU: jobs wait."""
    return lambda scenario, cpus=0: play(board, path, thread_launcher(cpus), tmp_path / "jobs", scenario)


async def running(board, spec, steps=4):
    """A job that runs, with a loss for each step."""
    job = await board.create(spec.document(), None)
    await board.move(job.id, Move.START)
    await board.move(job.id, Move.RUN)
    losses = [(version, 1.0 / (1 + version), 12, 0.5) for version in range(steps)]
    return await board.update(job.id, {"version": steps, "steps": 30, "workers": 1}, history={"steps": losses})


def test_the_list_has_state_health_queue_and_cpus(web, board, spec):
    async def scenario(web):
        first = await board.create(spec.document(), None)
        second = await board.create(spec.document(), None)
        trained = await running(board, spec, 20)
        found = await web.get("/api/jobs")
        assert [job["id"] for job in found["jobs"]] == [trained.id, second.id, first.id]
        assert (found["queue"], found["cpus"]) == ([first.id, second.id], {"used": 0, "total": 0})
        assert [job["health"]["word"] for job in found["jobs"]] == ["healthy", "waiting", "waiting"]
        assert found["jobs"][0]["losses"] == [1 / (1 + version) for version in range(20)]

    web(scenario)


def test_a_job_has_all_that_its_page_shows(web, board, spec):
    async def scenario(web):
        job = await running(board, spec)
        found = await web.get(f"/api/jobs/{job.id}")
        assert found["spec"] == json.loads(json.dumps(spec.document()))
        assert [layer["activation"] for layer in found["network"]["layers"]] == ["relu", "softmax"]
        assert [event["number"] for event in found["events_shown"]] == list(range(1, found["events"] + 1))
        assert (await web.get(f"/api/jobs/{job.id}/receipt", 409))["code"] == "JobNotFinished"
        assert (await web.get(f"/api/jobs/{job.id}/model", 404))["code"] == "ModelNotFound"

    web(scenario)


def test_what_keeps_the_service_from_training_is_told_while_it_lasts(board, path, spec, tmp_path, thread_launcher):
    async def scenario(web):
        job = await board.create(spec.document(), None)
        assert "trouble" not in await web.get("/api/jobs")
        launcher.trouble = "Ray has ended and cannot be started again: no folder for Ray"
        launcher.ready.clear()
        web.scheduler.wake()
        async with web.client.stream("GET", "/api/changes?after=") as answer:
            changes = events(answer)
            while (document := json.loads((await anext(changes))[1])).get("trouble") != launcher.trouble:
                continue
            assert (await web.get("/api/jobs"))["trouble"] == launcher.trouble
            reason = (await board.read(board.store.job, job.id)).reason
            assert reason == f"waits for Ray: {launcher.trouble}"
            launcher.trouble = None
            await board.update(job.id, {}, ("warning", "something else"))
            while "trouble" in document:
                document = json.loads((await anext(changes))[1])

    launcher = thread_launcher(0)
    play(board, path, launcher, tmp_path / "jobs", scenario)


@pytest.mark.parametrize("what", ["", "/events", "/curves", "/receipt", "/model"])
def test_an_unknown_job_is_told(web, what):
    async def scenario(web):
        assert await web.get(f"/api/jobs/nobody{what}", 404) == {
            "error": "there is no job 'nobody'",
            "code": "JobNotFound",
        }

    web(scenario)


def test_curves_over_step_time_and_epoch(web, board, spec):
    async def scenario(web):
        job = await running(board, spec, 6)
        address = f"/api/jobs/{job.id}/curves?metric=train.loss"
        for axis, expected in {"step": [0, 1, 2, 3, 4, 5], "time": [0.5, 1, 1.5, 2, 2.5, 3]}.items():
            curve = (await web.get(f"{address}&x={axis}"))["curves"]["train.loss"]
            assert (curve["x"], curve["y"]) == (expected, [1 / (1 + version) for version in range(6)])
        part = (await web.get(f"{address}&from=2&to=3"))["curves"]["train.loss"]
        assert part["x"] == [1, 2, 3, 4]

    web(scenario)


@pytest.mark.parametrize(("query", "last"), [("", None), ("&buckets=4", None), ("&from=20&to=30&buckets=3", 31)])
def test_the_smoothed_loss_is_the_mean_over_the_last_steps_by_rows(web, board, spec, query, last):
    steps = [(version, 2.0 + math.sin(version), version % 7, 0.5) for version in range(45)]

    async def scenario(web):
        job = await running(board, spec, 0)
        await board.update(job.id, {"version": 45}, history={"steps": steps})
        curve = (await web.get(f"/api/jobs/{job.id}/curves?metric=train.loss{query}"))["curves"]["train.loss"]
        assert curve["window"] == 10
        for version, smooth in zip(curve["smooth_x"], curve["smooth"], strict=True):
            part = steps[max(0, int(version) - 9) : int(version) + 1]
            weights = [max(rows, 1) for _, _, rows, _ in part]  # rows that weigh less than 1 are on record as 0
            expected = sum(loss * rows for (_, loss, _, _), rows in zip(part, weights, strict=True)) / sum(weights)
            assert smooth == pytest.approx(expected, rel=1e-12)
        assert curve["smooth_x"][-1] == (last or 44)

    web(scenario)


def test_speed_has_medians_of_windows(web, board, spec):
    async def scenario(web):
        job = await running(board, spec, 0)
        steps = [(version, 1.0, 100, 0.001 if version % 4 else 1.0) for version in range(400)]
        await board.update(job.id, {"version": 400}, history={"steps": steps})
        curves = (await web.get(f"/api/jobs/{job.id}/curves"))["curves"]
        assert set(curves["train.step_seconds"]["median"]) == {0.001}
        assert set(curves["train.samples_per_second"]["median"]) == {100_000.0}
        assert len(curves["train.step_seconds"]["median_x"]) == 50

    web(scenario)


@pytest.mark.parametrize("query", ["x=weight", "from=soon", "to=nan", "buckets=0", "buckets=many"])
def test_a_wrong_question_about_curves_is_told(web, board, spec, query):
    async def scenario(web):
        job = await running(board, spec)
        assert (await web.get(f"/api/jobs/{job.id}/curves?{query}", 400))["code"] == "InvalidData"

    web(scenario)


def test_a_reader_who_comes_back_has_every_event_once(web, board, spec):
    async def scenario(web):
        job = await running(board, spec)
        address, numbers = f"/api/jobs/{job.id}/events", []
        for round_ in range(5):
            await board.update(job.id, {"version": round_}, ("progress", f"step {round_}"))
            headers = {"Last-Event-ID": str(numbers[-1])} if numbers else {}
            async with web.client.stream("GET", address, headers=headers) as response:
                assert response.headers["content-type"].startswith("text/event-stream")
                async for number, data in events(response):
                    numbers.append(int(number))
                    assert json.loads(data)["number"] == numbers[-1]
                    if numbers[-1] == 4 + round_:
                        break  # it goes in the middle, and the next round finds what is behind
        await board.move(job.id, Move.CANCEL)
        async with web.client.stream("GET", address, headers={"Last-Event-ID": str(numbers[-1])}) as response:
            rest = [event async for event in events(response)]
        assert numbers + [int(number) for number, _ in rest[:-1]] == list(range(1, 10))
        assert rest[-1] == (None, "end")
        assert (await web.client.get(address, headers={"Last-Event-ID": "9"})).status_code == 204

    web(scenario)


def test_changes_of_all_jobs_come_and_a_deleted_one_goes(web, board, spec):
    async def scenario(web):
        job = await board.create(spec.document(), None)
        mark = (await web.get("/api/jobs"))["mark"]
        async with web.client.stream("GET", f"/api/changes?after={mark}") as response:
            stream = events(response)
            assert json.loads((await anext(stream))[1])["changed"] == []
            await board.move(job.id, Move.CANCEL)
            _, data = await anext(stream)
            assert [each["state"] for each in json.loads(data)["changed"]] == ["CANCELLED"]
            await board.delete(job.id)
            last, data = await anext(stream)
            assert json.loads(data)["changed"] == [{"id": job.id, "deleted": True}]
        async with web.client.stream("GET", "/api/changes", headers={"Last-Event-ID": "another-7"}) as response:
            number, data = await anext(events(response))
            assert (number, json.loads(data)["jobs"]) == (last, [])  # of another start of the service: all anew

    web(scenario)


REFUSED = [
    {},
    ORDER | {"Sec-Fetch-Site": "cross-site"},
    ORDER | {"Sec-Fetch-Site": "same-site"},
    ORDER | {"Origin": "http://evil.example"},
    ORDER | {"Origin": "null"},
]


@pytest.mark.parametrize("headers", REFUSED)
def test_another_site_can_order_nothing(web, board, spec, headers):
    async def scenario(web):
        job = await board.create(spec.document(), None)
        answer = await web.client.post(f"/api/jobs/{job.id}/cancel", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "NotAllowed")
        assert board.store.job(job.id).state == "QUEUED"
        preflight = await web.client.options(f"/api/jobs/{job.id}/cancel", headers={"Origin": "http://evil.example"})
        assert "access-control-allow-origin" not in preflight.headers

    web(scenario)


def test_orders_pause_resume_and_cancel(web, board, spec):
    async def scenario(web):
        job = await board.create(spec.document(), None)
        own = ORDER | {"Origin": f"http://127.0.0.1:{web.port}", "Sec-Fetch-Site": "same-origin"}
        for order, state in {"pause": "PAUSED", "resume": "QUEUED", "cancel": "CANCELLED"}.items():
            answer = await web.client.post(f"/api/jobs/{job.id}/{order}", headers=own)
            assert (answer.status_code, answer.json()["state"]) == (200, state)
        late = await web.client.post(f"/api/jobs/{job.id}/pause", headers=own)
        assert (late.status_code, late.json()["code"]) == (409, "JobNotRunning")
        assert (await web.client.post(f"/api/jobs/{job.id}/sing", headers=own)).status_code == 404
        assert (await web.client.get(f"/api/jobs/{job.id}/cancel")).status_code == 405

    web(scenario)


def test_a_reader_who_takes_nothing_is_let_go_and_holds_nobody_up(web, board, spec, monkeypatch):
    monkeypatch.setattr("chainrule.server.sse.PATIENCE_SECONDS", 0.3)
    over = asyncio.Event()

    class Watched(EventStream):
        async def __call__(self, *arguments):
            await super().__call__(*arguments)
            over.set()

    monkeypatch.setattr("chainrule.server.api.EventStream", Watched)

    async def scenario(web):
        job = await running(board, spec)
        _, writer = await asyncio.open_connection("127.0.0.1", web.port, limit=1024)
        writer.write(f"GET /api/jobs/{job.id}/events HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await writer.drain()
        slowest = timedelta(0)
        while not over.is_set():  # the sockets' buffers are filled, then the patience is over
            began = board.now()
            await board.update(job.id, {}, ("warning", "x" * 100_000))
            slowest = max(slowest, board.now() - began)
            await asyncio.sleep(0)
        assert slowest < timedelta(seconds=2)
        writer.transport.abort()
        number = board.store.job(job.id).events
        async with web.client.stream("GET", f"/api/jobs/{job.id}/events?after={number - 2}") as response:
            found = events(response)
            assert [(await anext(found))[0] for _ in range(2)] == [str(number - 1), str(number)]

    web(scenario)


def test_a_job_is_trained_paused_and_downloaded(web, board, spec):
    async def scenario(web):
        job = await board.create(spec.document() | {"name": "<b>points</b>"}, None)
        web.scheduler.wake()
        async with web.client.stream("GET", f"/api/jobs/{job.id}/events") as response:
            *_, (_, data), _ = [event async for event in events(response)]
        assert json.loads(data)["job"]["state"] == "SUCCEEDED"
        model = await web.client.get(f"/api/jobs/{job.id}/model")
        assert model.headers["content-disposition"] == f'attachment; filename="{job.id}.safetensors"'
        assert b'"W1"' in model.content
        found = await web.get(f"/api/jobs/{job.id}")
        assert (found["health"]["word"], found["name"]) == ("done", "<b>points</b>")
        assert {*found["figures"]["phases"]} >= {"compute", "apply"}
        assert found["layers"][0]["weight_norm"] > 0
        curves = (await web.get(f"/api/jobs/{job.id}/curves?x=epoch"))["curves"]
        assert curves["validation.loss"]["x"] == [1, 2, 3]
        assert (await web.get(f"/api/jobs/{job.id}/receipt"))["job"] == job.id
        sketches = await web.get(f"/api/sketches?jobs={job.id},nobody")
        assert list(sketches) == [job.id]
        assert len(sketches[job.id]) == found["steps"]

    web(scenario, cpus=4)
