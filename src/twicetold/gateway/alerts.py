"""Alerts of phrase rules during a call, for those who follow it with the tenant's key.

They follow from the finals alone: whoever connects later, or again, to whatever gateway, is given
the same ones behind the same finals, and nobody has to keep them.
"""

from __future__ import annotations

from collections.abc import Iterable

from twicetold.enrich.rules import LiveRules, RuleSet
from twicetold.speech.events import Alert, Caption
from twicetold.speech.transcript import Final


class Alerts:
    """One follower's."""

    def __init__(self, rules: RuleSet, roles: tuple[str, ...], channels: int) -> None:
        """``channels``: how many the call has."""
        self._live = LiveRules(rules, roles, channels)

    def catch_up(self, finals: Iterable[Final]) -> None:
        """What was said before is known, and its alerts are given."""
        for final in sorted(finals, key=lambda final: final.event):
            self._live.accept(Final.from_dict(final.to_dict()))  # as followers are given it

    def of(self, caption: Caption) -> list[Caption]:
        """What the caption of a final brings."""
        final = Final.from_dict(caption.body())
        return [
            Caption.of(
                Alert(
                    alert.event,
                    alert.channel,
                    round(alert.at, 3),
                    alert.category,
                    alert.rule,
                    alert.suggestion,
                )
            )
            for alert in self._live.accept(final)
        ]
