"""A session record's fields as stores keep them: plain values, lists as JSON, finals apart.

Every store takes and refuses the same values, because they are looked at here.
"""

from __future__ import annotations

import json
import math
from typing import Any

from twicetold.sessions import Changes, Expected, Record, State
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final

TEXTS = ("language", "encoding", "token_hash", "gateway", "redaction", "computed")
NUMBERS = (
    "rate",
    "channels",
    "input_rate",
    "epoch",
    "next_seq",
    "next_sample",
    "heard_ms",
    "owner",
    "takeovers",
    "event",
)
LISTS = ("boundaries", "utterances", "adaptation", "cuts")
# Came later: what a record means that was written before.
LATER = {"cuts": "[]", "heard_ms": "0", "redaction": "", "computed": ""}
FIELDS = (*TEXTS, *NUMBERS, *LISTS, "started_at", "state", "recorded")

_COMPARED = Expected.__optional_keys__
_CHANGED = Changes.__optional_keys__
_ACTS = frozenset({"lease_s", "add_final", "trim_finals"})
_A_FINAL = Final(1, 0, 1, 0.0, 0.0, "")
_BEYOND = 2**63  # what a column of whole numbers holds

Stored = str | int | float


def comparison(expected: Expected, changes: Changes) -> dict[str, Stored]:
    """What a swap compares, as it is stored. Raises TypeError for a field that is not one of
    the port's, ValueError where ``event`` is given and is not the added final's."""
    if not (expected.keys() <= _COMPARED and changes.keys() <= _CHANGED):
        unknown = (expected.keys() - _COMPARED) | (changes.keys() - _CHANGED)
        raise TypeError(f"a session has no field {', '.join(sorted(unknown))}")
    if not isinstance(changes.get("add_final", _A_FINAL), Final):
        raise _wrong_type("add_final", changes["add_final"])
    compared = {name: stored(name, value) for name, value in expected.items()}
    final = changes.get("add_final")
    if final is None:
        return compared
    if changes.get("event", final.event) != final.event:
        raise ValueError(f"event {changes['event']} is not the final's, {final.event}")
    # The call's last event, whatever else was compared; where that is another, neither holds.
    before = final.event - 1
    if compared.setdefault("event", before) != before:
        compared["event"] = -1
    return compared


def changed(changes: Changes) -> dict[str, Stored]:
    """The fields that a swap changes, as they are stored; an added final moves ``event``."""
    fields = {name: stored(name, value) for name, value in changes.items() if name not in _ACTS}
    final = changes.get("add_final")
    if final is not None:
        fields["event"] = stored("event", final.event)
    return fields


def seconds(name: str, value: Any) -> float:
    """A duration or a time. Raises TypeError for what is no number, ValueError for one without
    end."""
    if type(value) not in (int, float):
        raise _wrong_type(name, value)
    if not math.isfinite(value):
        raise ValueError(f"a session's {name} is a number with an end")
    return float(value)


def stored(name: str, value: Any) -> Stored:
    """A field's value as a store holds it. Raises TypeError for one of another type, ValueError
    for a number that is too large or text that is not Unicode."""
    if name in TEXTS:
        return _text(name, value)
    if name in LISTS:
        return _list(name, value)
    if name == "started_at":
        return seconds(name, value)
    if name == "state" and type(value) is State:
        return value.value
    if name == "recorded" and type(value) is bool:
        return int(value)
    if name in NUMBERS or name == "trim_finals":
        return _number(name, value)
    raise _wrong_type(name, value)


def final_body(final: Final) -> str:
    """A final as text. Raises ValueError where its words are not Unicode."""
    return _unicode("final", compact(final.to_dict()))


def final_of(body: str) -> Final:
    return Final.from_dict(json.loads(body))


def record_of(key: CallKey, fields: dict[str, Any], finals: tuple[Final, ...]) -> Record:
    """The record of stored fields. Raises KeyError, ValueError or TypeError for what is none."""
    lists = {name: tuple(json.loads(fields[name])) for name in LISTS}
    state, recorded = State(fields["state"]), bool(fields["recorded"])
    whole = {name: fields[name] for name in FIELDS} | lists
    return Record(key=key, finals=finals, **(whole | {"state": state, "recorded": recorded}))


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _number(name: str, value: Any) -> int:
    if type(value) is not int:  # to Python a bool is one as well
        raise _wrong_type(name, value)
    if not -_BEYOND <= value < _BEYOND:
        raise ValueError(f"a session's {name} has 63 bits")
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong_type(name, value)
    return _unicode(name, str(value))  # a StrEnum's too


def _list(name: str, value: Any) -> str:
    if type(value) not in (tuple, list):
        raise _wrong_type(name, value)
    for item in value:
        if name == "adaptation":
            _text(name, "" if item is None else item)
        else:
            _number(name, item)
    return compact(value)


def _unicode(name: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"a session's {name} is not Unicode: half a surrogate pair") from None
    return text


def _wrong_type(name: str, value: object) -> TypeError:
    return TypeError(f"a session's {name} cannot be {type(value).__name__}")
