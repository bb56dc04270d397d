"""Programs of a few lines in processes of their own, that say when they are where a test wants
them, and can be killed there."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path


@contextlib.contextmanager
def process(program: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A running Python program; killed at the end, if it has not ended."""
    started = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


@contextlib.contextmanager
def holding(
    data_dir: Path, role: str, *, shared: bool, keeps: Mapping[str, Sequence[str]] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the data directory; a line on its stdin has it let go and end."""
    program = """
        import json, sys
        from pathlib import Path
        from twicetold.data_directory import held
        keeps = json.loads(sys.argv[4])
        with held(Path(sys.argv[1]), sys.argv[2], shared=sys.argv[3] == "True", keeps=keeps):
            print("there", flush=True)
            sys.stdin.readline()
    """
    with process(program, data_dir, role, shared, json.dumps(keeps or {})) as started:
        assert started.stdout is not None
        line = started.stdout.readline()
        assert line == "there\n", started.stderr.read() if started.stderr else line
        yield started
