"""Our mathematics beside results of PyTorch that are kept in pytorch.json; `make test-peers` compares with PyTorch."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cases import KINDS

PEERS = Path(__file__).parents[1] / "peers"
KEPT = json.loads(Path(__file__).with_name("pytorch.json").read_text())
RESULTS = [
    pytest.param(kind, result["case"], result["expected"], id=f"{kind}-{i}")
    for kind in KINDS
    for i, result in enumerate(KEPT[kind])
]


@pytest.mark.parametrize(("kind", "case", "expected"), RESULTS)
def test_results_are_those_of_pytorch(kind, case, expected):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(KINDS[kind][1](case), expected, rtol=0, atol=1e-10 + 1e-8 * scale)


def test_the_kept_results_are_of_every_case():
    for kind, (cases, _) in KINDS.items():
        assert [result["case"] for result in KEPT[kind]] == list(cases(range(2)))


def test_without_pytorch_the_comparison_is_refused_in_a_sentence(tmp_path):
    code = "import sys; sys.modules['torch'] = None; import importlib.util as u; u.find_spec = lambda name: None; "
    code += "import compare; sys.argv = ['compare.py']; compare.main()"
    done = subprocess.run([sys.executable, "-c", code], cwd=PEERS, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "PyTorch is not installed for this Python: `make test-peers` installs it into build/peers-venv\n"
    )
