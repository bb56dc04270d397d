"""How fast a client may send, against the time it takes and against who hears it. No I/O."""

from __future__ import annotations

_MOST_AHEAD_S = 30.0  # of real time; then the socket pushes back
_BURST_S = 2.0  # that may come at once, whoever hears it
# As much of a call fits between us and its live worker without holding up others in its partition.
_MOST_UNHEARD_S = 10.0


class Pace:
    """One connection's sound. Moments are seconds of one clock.

    It may be ahead of real time by ``_MOST_AHEAD_S``; a call that was away may catch up. Sound that
    comes faster than it was spoken is taken only while the live pass keeps up with it: what it
    could not take would fill its partition of the log, and hold up all others there.
    """

    def __init__(self, *, ahead_s: float, now: float) -> None:
        """``ahead_s``: how far the call is ahead as the connection begins; below 0, behind."""
        self._ahead_s, self._began = ahead_s, now
        self._sent_s = 0.0
        self._even_at = now  # when real time catches up with what has come without a break

    def take(self, seconds: float, now: float) -> None:
        """So much more sound has come."""
        self._sent_s += seconds
        self._even_at = max(self._even_at, now) + seconds

    def ahead_s(self, now: float) -> float:
        """How far the call is ahead of the time it took."""
        return self._ahead_s + self._sent_s - (now - self._began)

    def too_far(self, now: float) -> bool:
        """Whether it is further ahead of real time than is let pass."""
        return self.ahead_s(now) > _MOST_AHEAD_S

    def at_ease(self, now: float) -> bool:
        """Whether it is well within that."""
        return self.ahead_s(now) < _MOST_AHEAD_S / 2

    def hold_s(self, unheard_s: float, now: float) -> float:
        """For how long to read nothing: until real time has caught up. Where it is the live pass
        that is not, only until that has come further; see ``unheard_s``."""
        too_far_s = self.ahead_s(now) - _MOST_AHEAD_S
        too_fast_s = self._even_at - now - _BURST_S if unheard_s >= _MOST_UNHEARD_S else 0.0
        return max(too_far_s, too_fast_s, 0.0)


class Ahead:
    """Which calls are ahead of real time, from one connection to the next: a client that breaks
    off begins with no new allowance when it comes back. Knows nothing of those that are not."""

    def __init__(self) -> None:
        self._even_at: dict[object, float] = {}

    def of(self, key: object, now: float) -> float:
        """Seconds; 0 for a call that is not ahead."""
        return max(0.0, self._even_at.get(key, now) - now)

    def note(self, key: object, seconds: float, now: float) -> None:
        """The call's connection ends, so far ahead."""
        for other in [each for each, even_at in self._even_at.items() if even_at <= now]:
            del self._even_at[other]
        if seconds > 0:
            self._even_at[key] = now + seconds
