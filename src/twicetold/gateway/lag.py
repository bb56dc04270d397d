"""How far a client's captions are behind its sound, and when that is told. No I/O."""

from __future__ import annotations

_TOLD_EVERY_S = 1.0
_UNHEARD_FOR_S = 3.0  # the live pass says each second how far it is, where it is at work


class Lag:
    """One connection's lag. Positions are samples of the call, moments seconds of one clock."""

    def __init__(
        self, rate: int, *, published: int, settled: int, over: bool, notice_s: float, now: float
    ) -> None:
        """``published`` and ``settled``: the call's sound that lies in the broker, and that of it
        whose words stand, as the connection begins. ``over``: no more sound comes."""
        self._rate, self._notice_s = rate, notice_s
        self._heard, self._settled = published, settled
        self._owed_from = settled if over else published
        self._owed_since = now if over else None  # there is sound that nobody has said was heard
        self._known = self._lagging = False
        self._told_at = now - _TOLD_EVERY_S

    def heard(self, sample: int) -> None:
        """The live pass has said that it has worked through everything before ``sample``."""
        self._heard, self._known = sample, True

    def seconds(self, published: int, now: float, held_since: float | None = None) -> float:
        """Seconds of audio that the client has sent and whose words are not here yet.

        ``held_since``: the moment since which the client waits for us to take more. Who resumes a
        call is not told how far the live pass had come; where that says nothing, though there is
        sound to be heard, only what is settled counts as heard.
        """
        if self._owed_since is None and published > self._owed_from:
            self._owed_since = now
        since = now if self._known or self._owed_since is None else self._owed_since
        silent = published > self._owed_from and now - since >= _UNHEARD_FOR_S
        heard = self._settled if silent else self._heard
        behind_s = max(0, published - heard) / self._rate
        return behind_s if held_since is None else behind_s + now - held_since

    def unheard_s(self, published: int) -> float:
        """Seconds of audio in the broker that the live pass may not have heard yet."""
        heard = self._heard if self._known else self._settled
        return max(0, published - heard) / self._rate

    def due(self, seconds: float, now: float) -> float | None:
        """What the client is to be told now: how far it is behind, again each second while that
        lasts, and 0 once it is over; None where there is nothing to tell."""
        if seconds >= self._notice_s:
            if now - self._told_at < _TOLD_EVERY_S:
                return None
            self._lagging, self._told_at = True, now
            return seconds
        if not self._lagging:
            return None
        self._lagging = False
        return 0.0
