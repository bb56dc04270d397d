"""Large blocks of memory go back to the system when they are freed."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys

import pytest

from twicetold.cli.allocator import return_large_blocks

pytestmark = pytest.mark.unit

_HELD_MB = """
import os, sys
from twicetold.cli.allocator import return_large_blocks

def size_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

if sys.argv[1] == "yes":
    assert return_large_blocks()
bytearray(8 << 20)  # freed: glibc now takes blocks of that size for small ones
before, blocks, between = size_mb(), [], []
for _ in range(40):
    blocks.append(bytes(range(256)) * 4096)
    between.append(bytearray(100_000))
del blocks
sys.stdout.write(str(size_mb() - before - len(between) * 0.1))
"""


def held_mb(called: str) -> float:
    command = [sys.executable, "-c", _HELD_MB, called]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator")
def test_nothing_is_left_of_large_blocks() -> None:
    assert held_mb("no") > 30
    assert held_mb("yes") < 5


def test_another_c_library_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not return_large_blocks()
