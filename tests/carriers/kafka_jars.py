"""Fetches Kafka's jars for tests, once: ``python -m tests.carriers.kafka_jars``.

They are asked for through the machine's own Maven, with whatever settings it has, and must have
the hashes that lie beside their pom. Tests themselves fetch nothing.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent / "kafka"
CACHE = Path(__file__).parents[2] / ".cache" / "kafka"
JAVA = 17
HOW = "Debian: apt-get install maven, then make test"


def folder() -> Path:
    """Where they lie: another pom means another folder."""
    wanted = (HERE / "pom.xml").read_bytes() + (HERE / "SHA256SUMS").read_bytes()
    return CACHE / hashlib.sha256(wanted).hexdigest()[:16]


@functools.cache
def java() -> str | None:
    """The Java that Kafka runs on, if this machine has one that is new enough."""
    binary = shutil.which("java")
    if binary is None:
        return None
    said = subprocess.run([binary, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', said.stderr + said.stdout)
    return binary if version is not None and int(version[1]) >= JAVA else None


def lack() -> str | None:
    """What keeps this machine from running Kafka; None where it can."""
    if java() is None:
        return f"there is no Java {JAVA} or newer ({HOW})."
    if not folder().is_dir():
        return f"its jars are not in .cache/kafka ({HOW})."
    return None


def fetch() -> Path:
    """The folder of jars, fetched if it is not there; any number of processes may ask at once.
    Raises RuntimeError where there is no Maven, no network, or another file than was pinned."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder().is_dir():
            with tempfile.TemporaryDirectory(dir=CACHE) as work:
                jars = Path(work) / "jars"
                _download(jars)
                check(jars)
                jars.rename(folder())
    return folder()


def _download(target: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise RuntimeError(f"there is no Maven ({HOW}).")
    target.mkdir()
    shutil.copy(HERE / "pom.xml", target.parent)
    done = subprocess.run(
        [maven, "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={target}"],
        cwd=target.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"Maven could not fetch them:\n{(done.stdout + done.stderr)[-2000:]}")


def check(jars: Path) -> None:
    """Raises RuntimeError for a jar that is not, bit for bit, the one that was pinned."""
    pinned = dict(reversed(line.split()) for line in (HERE / "SHA256SUMS").read_text().splitlines())
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in jars.iterdir()}
    if found != pinned:
        odd = sorted({name for name, _ in pinned.items() ^ found.items()})
        raise RuntimeError(f"other jars than kafka/SHA256SUMS names: {', '.join(odd)}")


def main() -> int:
    """Says in a line or two what went wrong; the tests then say what was not run."""
    try:
        if java() is None:
            raise RuntimeError(lack())
        fetch()
    except RuntimeError as error:
        sys.stderr.write(f"Kafka for tests: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
