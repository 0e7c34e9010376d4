"""Compare the mathematics with PyTorch's: `make test-peers`. `--write` keeps PyTorch's results for `make test`."""

import argparse
import importlib.util
import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "tests/nn/pytorch.json"
KEPT_SEEDS = range(2)
sys.path.insert(0, str(ROOT / "workers"))

import numpy as np
from cases import KINDS

RELATIVE, ABSOLUTE = 1e-8, 1e-10
"""How far apart results in double precision may be, by rounding: for a gradient in terms of its largest number."""


def far(ours: list[float], theirs: list[float]) -> float:
    """Return the largest difference as a multiple of what rounding explains."""
    allowed = ABSOLUTE + RELATIVE * np.abs(theirs).max()
    return float(np.abs(np.subtract(ours, theirs)).max() / allowed)


def compare(seeds: range) -> int:
    """Print how many cases of each kind agree, and each that does not; return how many do not."""
    import theirs

    wrong = 0
    for kind, (cases, ours) in KINDS.items():
        found = [(case, far(ours(case), theirs.KINDS[kind](case))) for case in cases(seeds)]
        different = [(case, distance) for case, distance in found if not distance <= 1]
        print(f"{kind}: {len(found) - len(different)} of {len(found)} cases agree with PyTorch")
        for case, distance in different:
            print(f"  {json.dumps(case)}: {distance:.3g} times as far apart as rounding explains")
        wrong += len(different)
    return wrong


def write() -> None:
    """Write PyTorch's results for a few cases into the file that `make test` reads."""
    import theirs
    import torch

    results = {
        kind: [
            {"case": case, "expected": [float(f"{x:.12g}") for x in theirs.KINDS[kind](case)]}
            for case in cases(KEPT_SEEDS)
        ]
        for kind, (cases, _) in KINDS.items()
    }
    lines = [f'"{kind}": [\n' + ",\n".join(map(json.dumps, rows)) + "\n]" for kind, rows in results.items()]
    KEPT.write_text("{\n" + ",\n".join([f'"torch": "{torch.__version__}"', *lines]) + "\n}\n")
    print(f"{KEPT.relative_to(ROOT)}: {sum(map(len, results.values()))} results of PyTorch {torch.__version__}")


def main() -> None:
    """Compare, or write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many random networks of each kind")
    parser.add_argument("--write", action="store_true", help=f"write {KEPT.relative_to(ROOT)}")
    arguments = parser.parse_args()
    if importlib.util.find_spec("torch") is None:
        sys.exit("PyTorch is not installed for this Python: `make test-peers` installs it into build/peers-venv")
    if arguments.write:
        write()
    elif compare(range(arguments.seeds)):
        sys.exit(1)


if __name__ == "__main__":
    main()
