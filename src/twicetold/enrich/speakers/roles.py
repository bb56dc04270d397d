"""Who of a call's speakers is the agent: by channel, by who greets like one, or by who is first.

``roles`` looks at a whole call, ``LiveRoles`` at one that goes on.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from twicetold.speech.transcript import Segment

AGENT, CUSTOMER = "agent", "customer"

_OPENING_S = 60.0  # of the call: who greets later, greets somebody else
_OPENING_SEGMENTS = 4  # of each speaker
_MOST_KEPT = 128  # segments of a live call, for as long as only one of its sides has spoken

# What is said by whoever takes calls for a living. What both sides say (hello, good morning, my
# name is) tells nothing.
_GREETINGS = re.compile(
    r"\b(?:"
    r"how (?:can|may|could) (?:i|we) (?:help|assist|be of)|what can i (?:do|help)"
    r"|(?:thank you|thanks) for (?:calling|your call|holding|waiting|ringing|contacting)"
    r"|you(?: a|'?)re (?:through|speaking) (?:to|with)|you(?: ha|'?)ve reached|welcome to"
    r"|(?:calls?|this call|conversation) (?:may|might|will|is|are) (?:be |being )?recorded"
    r"|calling (?:you )?(?:from|on behalf of)|am i speaking (?:to|with)"
    r"|is (?:this|that) a good time"
    r"|en qu[eé] (?:le |te |lo |la )?puedo (?:ayudar|servir)|gracias por (?:llamar|su llamada)"
    r"|(?:comment|en quoi) puis[- ]je vous (?:aider|renseigner)|merci (?:d'avoir|de votre) appel"
    r"|(?:wie|was|womit) kann ich (?:ihnen|für sie|dir)|(?:danke|dank) für ihren anruf"
    r"|(?:como|em que) posso (?:ajudar|ajudá)|obrigad[oa] por ligar"
    r"|(?:come|in cosa) posso (?:aiutar|esserle)|grazie per (?:aver )?chiamato"
    r")",
    re.IGNORECASE,
)


def roles(
    segments: Iterable[Segment], channel_roles: Mapping[int, str] | None = None
) -> dict[str, str]:
    """The role of each speaker who has one.

    ``channel_roles`` (channel 0 is ``agent``, …) decide for whoever speaks on those channels. Where
    none of them does, the agent is who greets as agents do within the first minute, or else who
    speaks first, as whoever answers a call does; of the others, the one who says most is the
    customer, and who else there is has no role. One speaker alone has a role only by what they say.
    """
    spoken = [segment for segment in segments if segment.speaker]
    spoken.sort(key=lambda segment: segment.start)
    by_channel = {
        str(segment.speaker): channel_roles[segment.channel]
        for segment in spoken
        if channel_roles and segment.channel in channel_roles
    }
    return by_channel or _by_greeting(spoken)


class LiveRoles:
    """The roles in a call that goes on, on each of whose channels one person speaks.

    Nobody has one before two channels have spoken, as one channel alone may carry both sides. From
    then on they are those that ``roles`` finds in what was said so far: who spoke first is taken
    for the agent until somebody greets like one. They stand once the first minute is over as well.
    They follow from the segments alone.
    """

    def __init__(self) -> None:
        self.by_channel: dict[int, str] = {}
        self.said: list[Segment] = []  # from the beginning, until the roles stand
        self._stand = False

    def accept(self, segment: Segment) -> bool:
        """Whether the roles are others, now that this was said; ``said`` then ends with it."""
        if self._stand:
            self.said.clear()
        if self._stand or not segment.text:
            return False
        self.said.append(segment)
        found = self._found()
        changed, self.by_channel = found != self.by_channel, found
        began_s = min(each.start for each in self.said)
        if segment.start > began_s + _OPENING_S and found:
            self._stand = True
        elif len(self.said) > _MOST_KEPT:
            del self.said[_MOST_KEPT // 2]  # the first minute tells who greets
        return changed

    def _found(self) -> dict[int, str]:
        if len({each.channel for each in self.said}) < 2:
            return {}
        named = (replace(each, speaker=str(each.channel)) for each in self.said)
        return {int(speaker): role for speaker, role in roles(named).items()}


def _by_greeting(spoken: Sequence[Segment]) -> dict[str, str]:
    said: dict[str, int] = defaultdict(int)
    for segment in spoken:
        said[str(segment.speaker)] += len(segment.text)
    greets = _who_greets(spoken)
    if not said or (greets is None and len(said) == 1):
        return {}
    agent = greets or str(spoken[0].speaker)
    found = {agent: AGENT}
    others = [speaker for speaker in said if speaker != agent]
    if others:
        found[max(others, key=lambda speaker: said[speaker])] = CUSTOMER
    return found


def _who_greets(spoken: Sequence[Segment]) -> str | None:
    heard: dict[str, int] = defaultdict(int)
    for segment in spoken:
        if segment.start > spoken[0].start + _OPENING_S:
            return None
        speaker = str(segment.speaker)
        heard[speaker] += 1
        if heard[speaker] <= _OPENING_SEGMENTS and _GREETINGS.search(segment.text):
            return speaker
    return None
