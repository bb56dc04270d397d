"""Whether an engine is fit, by what has come of its work: a circuit breaker."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

_MOST_IN_A_ROW = 2  # different utterances, so that a poisonous one speaks for itself alone
_FIRST_REST_S, _LONGEST_REST_S = 5.0, 300.0


class Health:
    """Failures of several utterances in a row put the engine out; after a rest, longer each time,
    one utterance tries it again, and its success brings it back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: set[Hashable] = set()
        self._rest_s = 0.0
        self._until = 0.0
        self.failures = 0  # all of them, for people to see
        self.served = 0

    @property
    def out(self) -> bool:
        """Whether others do its work."""
        return self._rest_s > 0.0

    def fit(self) -> bool:
        """Whether to give it the next utterance. Says so to one a rest while it is out: that one
        is the try."""
        if not self.out:
            return True
        now = self._clock()
        if now < self._until:
            return False
        self._until = now + self._rest_s
        return True

    def worked(self) -> None:
        """An utterance came to its end."""
        self.served += 1
        self._failed.clear()
        self._rest_s = 0.0

    def failed(self, whose: Hashable) -> None:
        """An attempt at an utterance came to nothing, by the engine's doing."""
        self.failures += 1
        self._failed.add(whose)
        if self.out or len(self._failed) >= _MOST_IN_A_ROW:
            self._rest_s = min(_LONGEST_REST_S, max(_FIRST_REST_S, 2.0 * self._rest_s))
            self._until = self._clock() + self._rest_s
            self._failed.clear()
