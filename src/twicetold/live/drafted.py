"""How far each call's draft goes, as far as this recorder knows, so that a gap shows."""

from __future__ import annotations

from collections.abc import Collection

from twicetold.speech.identity import CallKey

_MOST_KNOWN = 10_000


class Drafted:
    """Finals are numbered without gaps. Where one is missing among those that come, the log has
    lost it, or another recorder has had it: the call's record tells."""

    def __init__(self) -> None:
        self._last: dict[CallKey, int] = {}

    def lacks(self, key: CallKey, events: Collection[int], last: int) -> bool:
        """Whether finals up to ``last`` may be missing, with these about to be drafted."""
        known = self._last.get(key, 0 if last == 0 or 1 in events else None)
        return known is None or not set(range(known + 1, last + 1)) <= set(events)

    def note(self, key: CallKey, last: int) -> None:
        """The draft is complete up to and with that final."""
        if len(self._last) >= _MOST_KNOWN:
            self._last.clear()
        self._last[key] = max(last, self._last.get(key, 0))

    def forget(self, key: CallKey) -> None:
        self._last.pop(key, None)
