"""``python -m benchmarks [NAME...] [--OPTION VALUE]``: run measurements, one after another.

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
    "brokers",
    "carriers",
    "chaos",
    "chaos_steps",
    "chaos_words",
    "faults",
    "failover",
    "batch",
    "memory",
    "resumed",
    "killed_stages",
    "long_recordings",
    "whole_job",
    "interference",
    "turnaround",
    "startup",
    "live",
    "accuracy",
    "silence",
    "sentiment",
    "insight",
    "live_redaction",
    "transducer",
    "parakeet_differences",
    "whisper",
    "calls_per_core",
    "stream_adapter",
    "redaction",
    "redacted_sound",
    "remote",
    "gpu",
    "page",
    "speakers",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *NAMES], default=[])
    parser.add_argument("--data", type=Path, help="Folder of real speech; default: the samples.")
    parser.add_argument("--broker", help="chaos: kafka, rabbitmq, or file for one process.")
    parser.add_argument("--strikes", type=int, help="chaos, resumed: how often something dies.")
    parser.add_argument("--overlapping", type=int, help="chaos: how many more die together.")
    parser.add_argument("--step", help="chaos_steps, faults: one alone.")
    parser.add_argument("--seed", type=int, help="chaos, resumed: who dies when.")
    parser.add_argument("--device", help="calls_per_core: cpu or cuda.")
    parser.add_argument("--only", help="calls_per_core, whole_job, long_recordings: that engine.")
    parser.add_argument(
        "--busy", type=int, help="long_recordings: 1 for hosts that have little time."
    )
    parser.add_argument("--hours", type=float, help="memory, long_recordings: of the long one.")
    given = vars(parser.parse_args())
    names = given.pop("names")
    if not names:
        for name in NAMES:
            print(name)
    failed = False
    for name in names:
        figures = _run(name, given)
        failed = failed or bool(figures.get("failed"))
        print(f"{name}:", json.dumps(figures, indent=2))
    if failed:
        sys.exit(f"What was promised was not kept: {', '.join(names)}.")


def _run(name: str, given: dict[str, Any]) -> dict[str, Any]:
    module = importlib.import_module(f"benchmarks.{name}")
    known = inspect.signature(module.run).parameters
    asked = {option: value for option, value in given.items() if value is not None}
    for option in asked.keys() - known.keys():
        print(f"{name} takes no --{option}.", file=sys.stderr)
    figures: dict[str, Any] = module.run(**{o: v for o, v in asked.items() if o in known})
    return figures


if __name__ == "__main__":
    main()
