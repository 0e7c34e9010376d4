"""Our dashboards, as code: `make dashboards` writes them as JSON for Grafana."""

import sys
from pathlib import Path

import fleet
import job
import layers
import parameter_server
from grafana_foundation_sdk.cog.encoder import JSONEncoder


def main(folder: Path) -> None:
    """Write every dashboard into a folder."""
    for module in (fleet, job, layers, parameter_server):
        text = JSONEncoder(sort_keys=True, indent=1).encode(module.build().build())
        (folder / f"{module.__name__}.json").write_text(text + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
