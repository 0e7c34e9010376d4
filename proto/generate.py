"""Generate the Python code of the .proto files into a folder: `python generate.py FOLDER`.

Runs in an environment of its own, with an old grpcio-tools: code that a new one generates refuses older runtimes, the
other way round works.
"""

import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parent
SERVICES = ("training", "parameters")


def generate(target: Path) -> None:
    """Write *_pb2.py and *_pb2.pyi of every file, and *_pb2_grpc.py of those with a service."""
    with tempfile.TemporaryDirectory() as scratch:
        sources = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("chainrule/v1/*.proto"))
        services = [f"chainrule/v1/{name}.proto" for name in SERVICES]
        _protoc(f"--python_out={scratch}", f"--pyi_out={scratch}", *sources)
        _protoc(f"--grpc_python_out={scratch}", *services)
        for made in Path(scratch, "chainrule/v1").iterdir():
            (target / made.name).write_bytes(made.read_bytes())


def _protoc(*arguments: str) -> None:
    include = files("grpc_tools") / "_proto"
    if protoc.main(["protoc", f"-I{ROOT}", f"-I{include}", *arguments]) != 0:
        sys.exit("protoc has failed")


if __name__ == "__main__":
    generate(Path(sys.argv[1]))
