"""The memory of a parameter server: some copies of the parameters, however long a job is."""

import psutil
import pytest

STEPS, WARM = 10_000, 1_000
OWN_BYTES, NOISE_BYTES = 150 << 20, 4 << 20


@pytest.mark.soak
@pytest.mark.parametrize("shared_memory", [True, False])
def test_ten_thousand_steps_need_no_more_memory_than_the_first(start, data, shared_memory):
    units = 100_000
    sections = {"cluster": {"max_workers": 2, "shared_memory": shared_memory}}
    job = data(optimizer="sgd", units=units, epochs=2_000, shards=2, checkpoint_seconds=10.0, sections=sections)
    server, used = start(job), {}
    server.work(2)
    process = psutil.Process(server.process.pid)
    for moment in (WARM, STEPS):
        server.until("report", lambda report, moment=moment: report["version"] >= moment)
        used[moment] = process.memory_info().rss
    server.send(command="stop")
    server.until("ended")
    parameters = 4 * (4 * units + 2 * (units + 1))
    assert used[STEPS] <= used[WARM] + NOISE_BYTES, used
    assert max(used.values()) <= 4 * parameters + OWN_BYTES, (used, parameters)
