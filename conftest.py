"""For every run of the tests: laws are not timed, for a busy machine is no failure."""

from __future__ import annotations

from hypothesis import settings

# On top of what Hypothesis has chosen by itself: in CI it repeats the same examples.
settings.register_profile("untimed", settings.default, deadline=None)
settings.load_profile("untimed")
