"""Questions for a kind in words that no list of phrases has: by their stems, wherever they stand.

"What do you sign yourself in with", "which road are we sending it up": a word that asks, and
words of the matter with anything between them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from twicetold.enrich.redaction.cue_kinds import NOTHING

_WHERE = r"(where|where's|wheres|whereabouts)"
_ACCESS = r"(log|logs|logged|logging|sign|signs|signed|signing)"
_SHOWN = r"(go|goes|going|known|register|registered|appear|see|sees|find|show|listed|post|posting)"
_MOVES = (
    r"(live|lives|living|stay|staying|based|send|sent|sending|deliver|delivering|delivered|post|"
    r"posted|ship|shipping|come|coming|pick|picking|drop|dropping|collect|collecting|located|"
    r"going|heading|home|property|parcel|driver|engineer|van|taxi|find you|reach you|situated)"
)
_ROOMS = r"(door|gate|alarm|safe|keypad|lockbox|locker|padlock|entry|keybox|building|lobby|lock)"
# Kind, and what must be found in the turn; the first that fits is taken.
_PATTERNS: tuple[tuple[str, str], ...] = (
    ("username", rf"\b(what|who|which|who's|name|whose)\b.*\b{_ACCESS} (yourself |you )?(in|on|"
        rf"up|into)\b"),
    ("username", rf"\b(what|who|which|what's|name)\b.*\b{_SHOWN}\b.*\b(as|by|under|online)$"),
    ("username", r"\b(what|which|what's|name|your|who)\b.*\b(forum|avatar|profile|profiles|"
        r"alias|screenname|"
        r"nick|gamertag|leaderboard|portal)\b"),
    ("username", r"\b(what|what's|which|name)\b.*\b(on|for) (the |your |our )?(app|website|"
        r"site|online account|"
        r"platform|server)$"),
    ("address", rf"\b{_WHERE}\b.*\b{_MOVES}\b|\b{_MOVES}\b.*\b(to|and|at) {_WHERE}\b"),
    ("address", r"\bwhereabouts (are|is|was|about)\b|\bwhere (should|will|would) (it|that|they|"
        r"this) be\b"),
    ("address", r"\b(which|what|what's|name of the|whose)\b.*\b(road|street|town|village|"
        r"estate|suburb|city|"
        r"flat|house|door|building|floor|block|avenue|county|parish)\b"),
    ("pin", rf"\b(what|what's|which|how|is there|and)\b.*\b{_ROOMS}\b.*\b(code|number|digits|"
        rf"combination)\b"),
    ("pin", rf"\b(code|number|combination)\b.*\b(for|to|of|on) (the |your |my |our )?(\w+ "
        rf")?{_ROOMS}\b"),
    ("pin", rf"\b(what|how)\b.*\b(get|gets|let|lets|open|opens|buzz)\b.*\b(in|into|"
        rf"{_ROOMS[1:-1]})\b"),
    ("security_answer", r"\b(word|phrase|answer|hint)\b.*\b(set|chose|picked|gave|agreed|"
        r"account)\b"),
    ("security_answer", r"\b(question|prompt)\b.*\b(set|chose|picked|asks)\b"),
    ("security_answer", r"\b(who|where|what|which|what's)\b.*\b(taught|teacher|primary school|"
        r"go to (primary|school)|"
        r"grow up|grew up|honeymoon|maiden|mascot|childhood|first (motor|car|"
        r"job|pet|dog|cat|boss|"
        r"concert|kiss|phone|house)|favou?rite (film|movie|band|team|food|book|"
        r"singer|teacher|"
        r"colou?r|place|player))\b"),
    ("cvv", r"\b(three|four|little|tiny|small|last|short)\b.*\b(back|reverse|strip|signature|"
        r"front|flip)\b"),
    ("cvv", r"\b(number|numbers|digits|code|figures)\b.*\b(back|reverse|strip|flip side|"
        r"signature)\b"),
    ("card_expiry", r"\b(when|what|until|till|and|how long)\b.*\b(expire|expires|expiry|"
        r"expiring|valid|lapse|lapses|"
        r"runs? out|good (till|until|thru|through|to|for)|end date|best before)\b"),
    ("date_of_birth", r"\b(when|what|what's|which|year)\b.*\b(born|birth|birthday|birthdate|"
        r"arrive in this world)\b"),
)  # fmt: skip


# What has a number of its own and belongs to nobody.
_OF_THINGS = re.compile(
    r"\b(what|what's|which|read me|give me|and|please|have)\b.*\b(model|size|port|error|version|"
    r"readings?|tyres?|tires?|platform|gate|machine|aisle|channel|score|speed|temperature|"
    r"pressure|"
    r"mileage|odometer|part|product|barcode|times table|flight|quantity|lottery|gauge|firmware)\b"
    r"|\b(meter|gas|electric|electricity|water) readings?\b"
)


@cache
def _compiled() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((kind, re.compile(pattern)) for kind, pattern in _PATTERNS)


def kinds_asked(said: Sequence[str]) -> list[str]:
    """The kinds that a turn asks for by its stems, each once."""
    text = " ".join(said)
    kinds = [kind for kind, pattern in _compiled() if pattern.search(text)]
    if not kinds and _OF_THINGS.search(text):
        return [NOTHING]
    return list(dict.fromkeys(kinds))
