"""E-mail addresses, written and spoken: "jane dot doe at example dot com"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from twicetold.enrich.redaction.context import Context
from twicetold.enrich.redaction.tokens import Sort, Token
from twicetold.enrich.redaction.turns import Mark, Turn, is_glue, text_between
from twicetold.enrich.redaction.vocabulary import FILLERS, STOP, words

_DOTS = frozenset({"dot", "period", "point"})
_JOINERS = frozenset(
    {"dot", "period", "point", "underscore", "dash", "hyphen", "minus", "plus", "score"}
)
_ENDINGS = words(
    "com org net edu gov co uk us ca in au io de fr ie nz info biz me mil int dev app ai tv "
    "eu es it nl ch se no online email mail test example invalid"
)
_PROVIDERS = words(
    "gmail yahoo hotmail outlook icloud aol proton protonmail googlemail ymail msn comcast "
    "verizon btinternet rediffmail rediff rocketmail fastmail zoho gmx sbcglobal bellsouth "
    "cox earthlink ntlworld virginmedia talktalk bigpond optusnet rogers shaw"
)
_SPLIT_PROVIDERS = (
    ("g", "mail"),
    ("hot", "mail"),
    ("i", "cloud"),
    ("out", "look"),
    ("y", "mail"),
    ("proton", "mail"),
    ("google", "mail"),
    ("rocket", "mail"),
    ("fast", "mail"),
    ("b", "t", "internet"),
    ("a", "o", "l"),
)
_DOMAIN = re.compile(r"[\w\-]*[a-z][\w\-]*(\.[\w\-]+)*\.[a-z]{2,}")
_SIGNS = frozenset({"dot", "underscore", "dash", "hyphen"})
_HESITATIONS = frozenset({"um", "uh", "er", "erm"})
_MOST_DOMAIN, _MOST_LOCAL = 12, 4


def emails_in(turn: Turn, context: Context) -> list[Mark]:
    """The addresses of a turn, and pieces of one where one was asked for."""
    tokens = turn.tokens
    marks = [_mark(turn, at, at) for at, t in enumerate(tokens) if t.sort is Sort.EMAIL]
    repeated = context.kind == "email" and context.quiet <= 4
    expected = context.expects("email") is not None or repeated
    cued = min((c.end for c in turn.cues if c.kind == "email"), default=None)
    for at, token in enumerate(tokens):
        if token.norm not in ("at", "@"):
            continue
        last = _domain(tokens, at + _behind_at(tokens, at))
        if last is None and not (cued is not None or expected):
            continue
        first = _local(turn, at, cued, expected)
        if last is not None and (first < at or expected or context.kind == "email"):
            marks.append(_mark(turn, first, last))
    if not marks and expected:
        marks = _pieces(turn, context)
    return marks


def handles_in(turn: Turn) -> list[Mark]:
    """What has an underscore in it, or words joined by a sign with a number behind them."""
    tokens, marks = turn.tokens, []
    for at in range(len(tokens)):
        if not 0 < at < len(tokens) - 1 or not _is_handle_sign(turn, at):
            continue
        first = _local(turn, at, None, False)
        last = at + 1
        while last + 1 < len(tokens) and _in_run(turn, last + 1) and not tokens[last].ends:
            last += 1
        while last + 2 < len(tokens) and tokens[last + 1].norm in _JOINERS:
            last += 2
            while last + 1 < len(tokens) and _in_run(turn, last) and _in_run(turn, last + 1):
                last += 1
        marks.append(Mark(turn.index, first, last, "username", text_between(tokens, first, last)))
    return marks


def _is_handle_sign(turn: Turn, at: int) -> bool:
    tokens = turn.tokens
    if tokens[at].norm == "underscore":
        return True
    dotted = tokens[at].norm == "dot"
    if not dotted and (tokens[at].norm not in ("dash", "hyphen") or not _in_run(turn, at + 2)):
        return False
    if dotted and any(
        t.norm in ("dot", "w", "slash")
        for t in tokens[at + 2 : at + 3] + tokens[max(0, at - 3) : at]
    ):
        return False
    before, after = tokens[at - 1], tokens[at + 1]
    plain = [t.sort is Sort.WORD and t.norm not in STOP for t in (before, after)]
    initial = dotted and before.sort is Sort.LETTER and plain[1] and len(after.norm) > 3
    return (all(plain) or initial) and tokens[at + 1].norm not in _ENDINGS


def _mark(turn: Turn, first: int, last: int) -> Mark:
    return Mark(turn.index, first, last, "email", text_between(turn.tokens, first, last))


def _domain(tokens: Sequence[Token], at: int) -> int | None:
    """The last token of the domain that begins there."""
    if at < len(tokens) and _DOMAIN.fullmatch(tokens[at].norm):
        return at
    last: int | None = None
    for place in range(at, min(len(tokens) - 1, at + _MOST_DOMAIN)):
        following = tokens[place + 1]
        if tokens[place].norm in _DOTS and place > at:
            ends = following.norm in _ENDINGS or following.sort is Sort.LETTER
            if ends or last is not None:
                last = _ending(tokens, place + 1)
        elif last is not None:
            if place > last:
                break
        elif not _in_domain(tokens[place]) or (tokens[place].ends and place > at):
            break
    return _provider(tokens, at) if last is None else last


def _in_domain(token: Token) -> bool:
    return token.norm not in STOP or token.norm in ("my", "the", "at", "our", "me", "and")


def _ending(tokens: Sequence[Token], at: int) -> int:
    """ "com", or "c o m", or a word that only looks like an ending's first part."""
    if tokens[at].sort is Sort.LETTER:
        while at + 1 < len(tokens) and (
            tokens[at + 1].sort is Sort.LETTER or tokens[at + 1].norm in ("o", "oh", "u")
        ):
            at += 1
    return at


def _provider(tokens: Sequence[Token], at: int) -> int | None:
    """A known provider without its ending: "at gmail"."""
    words = [token.norm for token in tokens[at : at + 4]]
    last = None
    if words and words[0] in _PROVIDERS:
        last = at
    for split in _SPLIT_PROVIDERS:
        if tuple(words[: len(split)]) == split:
            last = at + len(split) - 1
    if last is not None and last + 1 < len(tokens) and tokens[last + 1].norm in ("com", "dotcom"):
        last += 1
    return last


def _local(turn: Turn, at: int, cued: int | None, expected: bool) -> int:
    """The first token of what stands before the "at"; ``at`` itself where there is nothing."""
    tokens = turn.tokens
    first, words = at, 0
    floor = cued if cued is not None and cued < at else 0
    most = _MOST_LOCAL if cued is not None or expected else 0
    while first > floor and not tokens[first - 1].ends:
        before = tokens[first - 1]
        begun = first < at
        greets = before.norm in ("hello", "hi", "hey", "me", "us") and not begun
        if greets:
            return first - 1
        if cued is not None or expected:
            skipped = _aside(tokens, first)
            if skipped < first:
                first = skipped
                continue
        signed = begun and tokens[first].norm in _JOINERS
        if not (_in_run(turn, first - 1) or before.norm in _JOINERS or before.norm == "under"):
            if is_glue(before) or before.norm in STOP or before.sort is Sort.REDACTED:
                agreed = expected and before.sort is Sort.FILLER and _in_run(turn, first - 2)
                if not (signed or agreed or (begun and before.norm in _HESITATIONS)):
                    break
            elif begun and not signed and not _in_run(turn, first) and words >= most:
                break
            else:
                words += 1
        first -= 1
    while first < at and (tokens[first].norm in FILLERS or tokens[first].norm in STOP):
        first += 1
    return first


def _behind_at(tokens: Sequence[Token], at: int) -> int:
    """How many tokens the sign takes: "at the rate of" is how India says it."""
    said = [token.norm for token in tokens[at + 1 : at + 4]]
    for rate in (["the", "rate", "of"], ["the", "rate"], ["rate"], ["sign"], ["symbol"]):
        if said[: len(rate)] == rate:
            return len(rate) + 1
    return 1


def _aside(tokens: Sequence[Token], first: int) -> int:
    """Before "all one word", "all lower case", where it stands inside of an address."""
    for aside in (("all", "one", "word"), ("one", "word"), ("all", "lowercase"),
                  ("all", "lower", "case"), ("no", "spaces"), ("no", "space")):  # fmt: skip
        start = first - len(aside)
        if start > 0 and tuple(t.norm for t in tokens[start:first]) == aside:
            return start
    return first


def _in_run(turn: Turn, at: int) -> bool:
    return turn.run_at(at) is not None


def _pieces(turn: Turn, context: Context) -> list[Mark]:
    """``j dot doe`` … ``at example`` … ``dot com``, each in a turn of its own."""
    tokens = turn.tokens
    content = [at for at, t in enumerate(tokens) if _in_run(turn, at) or not _carries(t)]
    if not content:
        return []
    first, last = content[0], content[-1]
    signs = sum(tokens[at].norm in _SIGNS or tokens[at].norm == "at" for at in range(len(tokens)))
    runs = [run for run in turn.runs if run.size >= 2]
    free = sum(
        not (_carries(t) or t.norm in _JOINERS or _in_run(turn, at)) for at, t in enumerate(tokens)
    )
    if any(token.norm in ("what", "spell", "which", "how", "?") for token in tokens):
        return []
    if (
        (signs and free <= 4)
        or (runs and free == 0)
        or (
            free <= 2
            and context.asked
            and context.asked[0].kind == "email"
            and context.asked[0].request
            and not context.asked[0].found
            and context.asked[0].may_answer(turn.party)
        )
    ):
        while first > 0 and tokens[first - 1].norm in _JOINERS | {"at"}:
            first -= 1
        while last + 1 < len(tokens) and tokens[last + 1].norm in _JOINERS | {"at"}:
            last += 1
        if last - first <= 14:
            return [_mark(turn, first, last)]
    return []


def _carries(token: Token) -> bool:
    norm = token.norm
    if norm in ("o", "oh", "a", "i"):
        return False
    return (
        (is_glue(token) and token.sort is not Sort.SYMBOL)
        or norm in STOP
        or norm
        in (
            "email",
            "mail",
            "address",
            "lowercase",
            "word",
            "e-mail",
            "hold",
            "sec",
            "second",
            "moment",
        )
    )
