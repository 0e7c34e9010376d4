"""`chainrule demo`, as the README's first command runs it."""

import json
import subprocess
import sys

import psutil


def test_the_demo_trains_well_and_leaves_no_process_behind(tmp_path):
    command = [sys.executable, "-m", "chainrule.server", "demo", "--dir", str(tmp_path / "demo"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["accuracy"] >= 0.96
    assert result["images"] == 359
    assert (tmp_path / "demo" / "model.safetensors").exists()
    mine = [process for process in psutil.process_iter(["cmdline"]) if str(tmp_path) in str(process.info["cmdline"])]
    assert mine == []
