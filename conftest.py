"""For every run of the tests: laws are not timed, for a busy machine is no failure; and no test
leaves its logging to the next one, whichever that is in a run on several processes."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

# On top of what Hypothesis has chosen by itself: in CI it repeats the same examples. Half as many
# as usual, where a test does not say how many: there are hundreds of such tests.
settings.register_profile("untimed", settings.default, deadline=None, max_examples=50)
settings.load_profile("untimed")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What this machine could not try is said loudly: a green run is not a whole one."""
    reasons = {
        report.longrepr[2]
        for report in terminalreporter.stats.get("skipped", ())
        if isinstance(report.longrepr, tuple) and "NOT RUN" in report.longrepr[2]
    }
    for reason in sorted(reasons):
        terminalreporter.write_line(reason.removeprefix("Skipped: "), red=True, bold=True)


@pytest.fixture(autouse=True)
def _logging_of_its_own() -> Iterator[None]:
    """A test that configures logging, as every command does, has each logger keep what it found."""
    yield
    if not structlog.is_configured():
        return
    structlog.reset_defaults()
    for name, module in list(sys.modules.items()):
        log = getattr(module, "log", None) if name.startswith("twicetold.") else None
        if log is not None:
            vars(log).pop("bind", None)  # where structlog keeps what it made at the first use
