"""Redaction of one call utterance by utterance: each is read once, however long the call is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from twicetold.enrich.redaction.context import Context
from twicetold.enrich.redaction.deciding import Runs
from twicetold.enrich.redaction.live import masked, undecided_from
from twicetold.enrich.redaction.policy import Policy
from twicetold.enrich.redaction.readbacks import repeated
from twicetold.enrich.redaction.redactor import Finder, read, turns_of
from twicetold.enrich.redaction.rewriting import rewritten
from twicetold.enrich.redaction.stretching import stretched
from twicetold.enrich.redaction.tagger.tagger import Tagger
from twicetold.enrich.redaction.turns import Mark, Turn
from twicetold.speech.transcript import Segment, Word, text_of

UNDECIDED = "number"  # of what stands for the end of an utterance that nobody went on with
_MOST_MARKED = 40  # utterances whose personal data is known again where it is repeated
_MOST_RECENT = 12  # utterances in which pieces of a number may stand that nobody has claimed yet


@dataclass(frozen=True, slots=True)
class Choice:
    """One utterance as it may be shown while the call goes on. ``undecided``: its end may yet
    become personal data; ``masked`` is the utterance without that end."""

    shown: Segment
    masked: Segment
    undecided: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """``choices`` are of the utterances that were held. ``known`` is what the call has asked for
    by the end of those that are decided, ``known_all`` by the end of all, as `Context.to_text`:
    kinds, ages and common words, nothing of what was removed. What is numbered up to ``through``
    need not come again. ``compute_s``: what deciding took."""

    choices: tuple[Choice, ...]
    known: str
    known_all: str
    through: int = 0
    compute_s: float = 0.0


@dataclass(slots=True)
class _Said:
    """What has been read; ``turns`` are the last ones, and those that ``marks`` are of."""

    context: Context
    runs: Runs
    turns: dict[int, Turn] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)

    def copy(self) -> _Said:
        context = self.context.copy()
        return _Said(context, self.runs.copy(context), dict(self.turns), list(self.marks))

    def forget(self) -> None:
        """All but what was found last."""
        marked = {mark.turn for mark in self.marks}
        found = [index for index in self.turns if index in marked]
        kept = {*found[-_MOST_MARKED:], *list(self.turns)[-_MOST_RECENT:]}
        self.turns = {index: turn for index, turn in self.turns.items() if index in kept}
        self.marks = [mark for mark in self.marks if mark.turn in kept]


class Following:
    """One call. Its utterances are numbered from 1, in the order in which they ended."""

    def __init__(
        self,
        policy: Policy,
        finders: Sequence[Finder] = (),
        tagger: Tagger | None = None,
        context: Context | None = None,
        channels: int = 1,
    ) -> None:
        """``context`` is what utterances before the first had asked for; ``tagger`` None: rules
        alone. Each of several ``channels`` is a side of its own."""
        self._policy, self._finders, self._tagger = policy, tuple(finders), tagger
        known = context.copy() if context is not None else Context()
        if channels > 1:
            turns_of([Segment(0, channel, 0.0, 0.0, "") for channel in range(channels)], known)
        self._said = _Said(known, Runs(known))
        self._latest = self._said  # with all that is held, for words that may still change
        self._through = 0

    def decide(self, said: Iterable[Segment], held: Sequence[Segment]) -> Decision:
        """What may be shown of each utterance that is held, in their order. ``said`` are those
        that were told; what has been read for good is passed over."""
        waiting = {each.number for each in held}
        new = sorted([*said, *held], key=lambda segment: segment.number)
        new = [each for each in new if each.number > self._through]
        begins = next((at for at, each in enumerate(new) if each.number in waiting), len(new))
        for segment in new[:begins]:
            self._read(self._said, segment)
            self._through = segment.number
        # From the first that is held, what was read may have to be read again.
        tail, ahead = new[begins:], self._said.copy()
        firsts: dict[int, int | None] = {}
        for segment in tail:
            if segment.number in waiting:
                firsts[segment.number] = undecided_from(segment, ahead.context)
            self._read(ahead, segment)
        choices = self._choices([each for each in tail if each.number in waiting], firsts, ahead)
        undecided = {number for number, choice in choices.items() if choice.undecided}
        known = self._without(tail, undecided) if undecided else ahead.context
        if not undecided:
            self._said = ahead
            self._through = max((each.number for each in tail), default=self._through)
        self._said.forget()
        self._latest = ahead
        found = tuple(choices[each.number] for each in held)
        return Decision(found, known.to_text(), ahead.context.to_text(), self._through)

    def mask(self, words: Sequence[Word], channel: int = 0) -> tuple[Word, ...]:
        """Words that may still change, as they may be shown: without all that is, or may become,
        personal data."""
        if not words:
            return ()
        said = Segment(0, channel, words[0].start, words[-1].end, text_of(words), tuple(words))
        known = self._latest
        turns = list(known.turns.values())

        def again(turn: Turn) -> list[Mark]:
            late = replace(turn, index=max(known.turns, default=0) + 1)
            return repeated(turns, known.marks, [late])

        return masked(said, known.context, self._tagger, again).words

    def _read(self, known: _Said, segment: Segment) -> None:
        [turn] = turns_of([segment], known.context)
        turn.index = segment.number
        known.turns[turn.index] = turn
        marks = read(turn, known.context, known.runs, self._finders, self._tagger)
        # Pieces of a number may lie so far back that nothing can be done about them any more.
        known.marks += [mark for mark in marks if mark.turn in known.turns]

    def _choices(
        self, held: Sequence[Segment], firsts: Mapping[int, int | None], known: _Said
    ) -> dict[int, Choice]:
        """By number. An utterance waits while the next of its channel is open from its first word
        on as well."""
        turns = [known.turns[each.number] for each in held]
        again = repeated(list(known.turns.values()), known.marks, turns)
        marks = [*known.marks]
        for mark in again:
            marks += stretched(known.turns[mark.turn], [mark])
        goes_on: dict[int, bool] = {}
        choices: dict[int, Choice] = {}
        for raw in reversed(held):
            first = firsts[raw.number]
            safe = self._safe(raw, known.turns[raw.number], marks)
            undecided = first is not None and goes_on.get(raw.channel, True)
            goes_on[raw.channel] = undecided and first == 0
            without = safe if first is None else _without_end(raw, safe, first)
            choices[raw.number] = Choice(safe, without, undecided=undecided)
        return choices

    def _safe(self, raw: Segment, turn: Turn, marks: Iterable[Mark]) -> Segment:
        own = (self._policy.wanted(mark) for mark in marks if mark.turn == turn.index)
        wanted = [replace(mark, turn=0) for mark in own if mark is not None]
        [shown], _ = rewritten([raw], [turn], wanted, self._policy)
        return replace(shown, safe=True)

    def _without(self, tail: Sequence[Segment], undecided: Collection[int]) -> Context:
        """What those of the tail had asked for that are decided: a successor hears the others."""
        known = self._said.copy()
        for segment in tail:
            if segment.number not in undecided:
                self._read(known, segment)
        return known.context


def _without_end(raw: Segment, safe: Segment, first: int) -> Segment:
    """The utterance up to what is undecided, and one word that stands for that."""
    begins = raw.words[first].start
    kept = [word for word in safe.words if word.start < begins and word.end <= begins]
    label = f"[{UNDECIDED.upper()}]"
    words = (*kept, Word(begins, raw.words[-1].end, label, redacted=UNDECIDED))
    return replace(safe, words=words, text=text_of(words))
