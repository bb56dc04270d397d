"""``python -m benchmarks [NAME...] [--data DIR]``: run measurements, one after another.

Without a name it lists them. Each writes ``benchmarks/results/NAME.json`` and prints what it
wrote; docs/benchmarks.md says what the figures mean and what they should be.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import sys
from pathlib import Path
from typing import Any

NAMES = (
    "transport",
    "chaos",
    "batch",
    "memory",
    "interference",
    "turnaround",
    "startup",
    "live",
    "accuracy",
    "silence",
    "page",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *NAMES], default=[])
    parser.add_argument("--data", type=Path, help="Folder of real speech; default: the samples.")
    given = parser.parse_args()
    if not given.names:
        for name in NAMES:
            print(name)
    for name in given.names:
        print(f"{name}:", json.dumps(_run(name, given.data), indent=2))


def _run(name: str, data: Path | None) -> dict[str, Any]:
    module = importlib.import_module(f"benchmarks.{name}")
    options = {"data": data} if "data" in inspect.signature(module.run).parameters else {}
    if data is not None and not options:
        print(f"{name} takes no --data.", file=sys.stderr)
    figures: dict[str, Any] = module.run(**options)
    return figures


if __name__ == "__main__":
    main()
