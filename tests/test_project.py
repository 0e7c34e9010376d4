"""The house rules that a machine can check."""

import ast
import re
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOTS = ("proto", "workers", "service")
LEVELS = {
    "v1": 0,
    "nn": 0,
    "wire": 1,
    "data": 2,
    "client": 3,
    "worker": 4,
    "parameter_server": 4,
    "server": 5,
}
SOURCES = [
    path for root in ROOTS for path in sorted((ROOT / root / "chainrule").rglob("*.py")) if "_pb2" not in path.name
]
PACKAGE = {path: path.relative_to(ROOT).parts[2] for path in SOURCES}


def imports(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def packages(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(path) if name.startswith("chainrule.")}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path):
    own = PACKAGE[path]
    for other in packages(path) - {own}:
        assert LEVELS[other] < LEVELS[own], f"{own} imports {other}"


def importers(library: str) -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for path in SOURCES
        if any(name == library or name.startswith(f"{library}.") for name in imports(path))
    }


def test_ray_is_imported_by_the_actor_and_the_launcher_only():
    assert importers("ray") == {"workers/chainrule/worker/actor.py", "workers/chainrule/worker/launcher.py"}


def test_prometheus_client_is_imported_once():
    assert importers("prometheus_client") == {"service/chainrule/server/metrics.py"}


def test_the_mathematics_imports_numpy_alone():
    allowed = {"numpy", "chainrule"} | set(sys.stdlib_module_names)
    for path in SOURCES:
        if PACKAGE[path] == "nn":
            assert {name.split(".")[0] for name in imports(path)} <= allowed, path


def test_the_folders_at_the_top_are_fixed():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    if not tracked:
        pytest.skip("this is no git checkout")
    folders = {name.split("/")[0] for name in tracked if "/" in name}
    assert folders == {"service", "proto", "workers", "deploy", "tests", ".ci"}


def test_the_namespace_package_holds_typed_packages_and_nothing_else():
    for root in ROOTS:
        for entry in (ROOT / root / "chainrule").iterdir():
            if entry.name == "__pycache__":
                continue
            assert entry.is_dir(), entry
            assert (entry / "__init__.py").exists(), entry
            assert (entry / "py.typed").exists(), entry


def test_durations_are_measured_by_clocks_that_no_one_sets():
    """The time of day is for what people read: leases, deadlines and rates survive that it jumps."""
    readers = {
        str(path.relative_to(ROOT)): path.read_text().count("datetime.now")
        for path in SOURCES
        if re.search(r"time\.time\(|datetime\.now|utcnow|time\.localtime", path.read_text())
    }
    assert readers == {"service/chainrule/client/top.py": 1, "service/chainrule/server/board.py": 1}


def test_files_are_short():
    lengths = {path: len(path.read_text().splitlines()) for path in SOURCES}
    assert {path: length for path, length in lengths.items() if length > 300} == {}
    assert statistics.median(lengths.values()) <= 120


def test_functions_are_short():
    lengths = defaultdict(list)
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
                lengths[path].append(body[-1].end_lineno - body[0].lineno + 1)
    assert statistics.median(length for each in lengths.values() for length in each) <= 8


def test_generated_code_is_what_the_proto_files_give(tmp_path):
    python = ROOT / "build/proto-venv/bin/python"
    if not python.exists():
        pytest.skip("build/proto-venv is missing: `make test` makes it")
    subprocess.run([python, ROOT / "proto/generate.py", tmp_path], check=True)
    checked_in = ROOT / "proto/chainrule/v1"
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_text() for path in checked_in.glob("*_pb2*")}


@pytest.mark.parametrize("name", ["deploy", "tests", "proto"])
def test_pinned_requirements_have_hashes_and_name_no_host(name):
    text = (ROOT / name / "requirements.txt").read_text()
    assert "://" not in text
    pinned = re.findall(r"^[a-z0-9-]+(?:\[[a-z,]+\])?==", text, flags=re.MULTILINE | re.IGNORECASE)
    assert pinned
    assert text.count("--hash=sha256:") >= len(pinned)
    assert "--index" not in text
