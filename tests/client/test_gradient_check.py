import io
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from chainrule.client.gradient_check import GradientCheck
from chainrule.nn import ACTIVATIONS, LayerCheck, Network


class TestCheck:
    @pytest.fixture
    def job(self, tmp_path):
        """A small table, and a job on it."""
        (tmp_path / "a.csv").write_text("a,b,label\n" + "".join(f"{i},{i * i % 7},{i % 3}\n" for i in range(90)))
        path = tmp_path / "job.toml"
        layers = '{units = 5, activation = "gelu", dropout = 0.2}, {}'
        path.write_text(f'[data]\ntrain = "a.csv"\nlabel = "label"\n[network]\nlayers = [{layers}]\n')
        return path

    def test_prints_a_line_for_each_layer_and_needs_no_service(self, run, job, monkeypatch):
        monkeypatch.setenv("CHAINRULE_SERVER", "127.0.0.1:1")
        code, out, _ = run("check", job)
        header, first, second, summary = out.splitlines()
        assert code == 0
        assert header.split()[:3] == ["LAYER", "NEURONS", "ACTIVATION"]
        assert first.split()[:5] == ["1", "5", "gelu", "15", "15"]
        assert second.split()[:5] == ["2", "3", "softmax", "18", "18"]
        assert first.endswith("right")
        assert summary.startswith("The gradient is right: its largest relative error is ")

    def test_fetches_what_was_uploaded(self, run, remote, job):
        remote.stored = (job.parent / "a.csv").read_bytes()
        job.write_text(job.read_text().replace("a.csv", "dataset://rows"))
        assert run("check", job)[0] == 0
        assert [request.name for request in remote.requests] == ["rows"]

    def test_prints_json(self, run, job):
        code, out, _ = run("check", job, "--json", "--entries", "4", "--rows", "7")
        document = json.loads(out)
        assert (code, document["right"], document["rows"]) == (0, True, 7)
        assert [layer["checked"] for layer in document["layers"]] == [4, 4]

    def test_fails_where_a_derivative_is_wrong(self, run, job, monkeypatch):
        gelu = ACTIVATIONS["gelu"]
        wrong = replace(gelu, pull_back=lambda A, K, d: (gelu.pull_back(A, K, d), np.multiply(d, 1.001, out=d)))
        monkeypatch.setitem(ACTIVATIONS, "gelu", wrong)
        code, out, _ = run("check", job)
        assert code == 1
        assert out.splitlines()[1].endswith("wrong")
        assert "WRONG" in out.splitlines()[-1]

    def test_a_row_of_zeros_stands_on_no_kink(self, run, job):
        job.write_text(job.read_text().replace('"gelu"', '"relu"').replace("a.csv", "b.csv"))
        (job.parent / "b.csv").write_text("a,b,label\n" + "".join(f"0,0,{i % 3}\n" for i in range(90)))
        assert run("check", job)[0] == 0

    def test_says_where_no_gradient_arrives(self):
        layers = (LayerCheck(1, "relu", 15, 0.0, 0.0), LayerCheck(2, "softmax", 18, 1.0, 1e-16))
        console = Console(width=200, record=True, file=io.StringIO())
        console.print(GradientCheck(Network((2, 5, 3), ("relu", "softmax"), "cross_entropy"), 9, layers).table())
        first, second = console.export_text().splitlines()[1:]
        assert first.rstrip().endswith("no gradient reaches it")
        assert second.rstrip().endswith("right")

    def test_refuses_a_wrong_job_and_wrong_data_in_a_sentence(self, run, job):
        job.write_text(job.read_text().replace("units = 5", "units = 0"))
        code, _, err = run("check", job)
        assert (code, err) == (2, "Error: network.layers[0].units must be >= 1\n")
        job.write_text(job.read_text().replace("units = 0", "units = 5").replace("a.csv", "nowhere.csv"))
        code, _, err = run("check", job)
        assert code == 2
        assert "nowhere.csv" in err
