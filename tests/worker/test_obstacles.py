import os

import pytest

from chainrule.worker.obstacles import error_in, obstacle

SHELL = "bash: line 1: /tmp/a: No such file or directory"
RAYLET = (
    "[2026-11-29 22:56:17,001 E 14433 14433] (raylet) worker_pool.cc:586: Some workers of the worker process(14646) "
    "have not registered within the timeout."
)
AGENT = "2026-11-29 22:56:02,936\tERROR runtime_env_agent.py:600 -- Failed to create runtime env"
DUMP = "[state-dump] \tNodeManager.GCTaskFailureReason - 1 total (1 active), Execution time: mean = 0.00ms"
QUIET = [
    "[2026-11-29 22:56:02,928 I 14433 14433] (raylet) worker_pool.cc:564: Started worker process with pid 14646",
    "2026-11-29 22:56:00,987\tINFO runtime_env_agent.py:543 -- Creating runtime env: {} with error_handler",
    "(Press CTRL+C to quit)",
    "",
]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], None),
        (QUIET, None),
        ([SHELL, *QUIET], SHELL),
        (
            ["Traceback (most recent call last):", '  File "x.py"', "ModuleNotFoundError: No module named 'ray'"],
            "Module",
        ),
        ([*QUIET, RAYLET], "Some workers of the worker process(14646) have not"),
        ([AGENT], "Failed to create runtime env"),
        (["OSError: old", "OSError: new"], "OSError: new"),
        (["MemoryError " + "x" * 1000], "MemoryError xxx"),
    ],
)
def test_the_newest_line_of_an_error_is_found(lines, expected):
    found = error_in(lines)
    assert found is None if expected is None else found.startswith(expected)
    assert found is None or len(found) <= 300


def test_of_a_log_only_lines_with_a_level_count():
    assert error_in([DUMP], logged_only=True) is None
    assert error_in([RAYLET, DUMP], logged_only=True).startswith("Some workers")


def test_what_the_shell_says_goes_before_what_ray_makes_of_it(tmp_path):
    assert obstacle(tmp_path, 0.0, 2) == f"Ray's log files tell of no error ({tmp_path})"
    (tmp_path / "raylet.out").write_text("\n".join([*QUIET, RAYLET, DUMP]))
    assert obstacle(tmp_path, 0.0, 2).startswith("Some workers of the worker process(14646)")
    for age, name in enumerate(["new", "old"]):
        log = tmp_path / f"worker-{name}.err"
        log.write_text(f"{name}: ImportError")
        os.utime(log, (1000 - age, 1000 - age))
    assert obstacle(tmp_path, 2.0, 2) == f"new: ImportError ({tmp_path / 'worker-new.err'})"
    (tmp_path / "raylet.err").write_bytes(b"\xff\n" * 100_000 + SHELL.encode())
    assert obstacle(tmp_path, 2.0, 2) == f"{SHELL} ({tmp_path / 'raylet.err'})"


def test_a_cluster_whose_cpus_are_in_use_is_told():
    assert "no free CPU: all 8 of the cluster are in use" in obstacle(None, 0.5, 8)
    assert "3 free CPUs of 8" in obstacle(None, 3.0, 8)
