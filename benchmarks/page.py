"""The page in Chromium: its weight, when it can be used, and whether it keeps its frames.

``python -m benchmarks page``: builds the page and runs ``web/bench`` on real servers. What each
figure means stands beside it there. Needs a Chromium (Debian: ``chromium``), or its path in
``CHROMIUM``. ``BENCH_TALK_MINUTES`` is the length of the call that is spoken into the page's
microphone in real time; 60 for the figure of minute 60.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.common import save

_BUILD = Path(__file__).resolve().parents[1] / "web" / "build.py"


def run() -> dict[str, Any]:
    """Milliseconds, bytes and frames; saved as ``page``."""
    subprocess.run([sys.executable, _BUILD], check=True)
    with tempfile.TemporaryDirectory(prefix="twicetold-bench-") as folder:
        found = Path(folder) / "page.json"
        subprocess.run(
            [sys.executable, _BUILD, "run", "bench"],
            check=True,
            env={**os.environ, "BENCH_OUT": str(found)},
        )
        figures: dict[str, Any] = json.loads(found.read_text())
    save("page", figures)
    return figures
