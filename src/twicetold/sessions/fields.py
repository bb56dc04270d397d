"""A session record's fields as stores keep them: plain values, lists as JSON, finals apart."""

from __future__ import annotations

import json
from typing import Any

from twicetold.sessions import Changes, Expected, Record, State
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final

PLAIN = (
    "rate",
    "channels",
    "language",
    "encoding",
    "input_rate",
    "token_hash",
    "started_at",
    "gateway",
    "epoch",
    "next_seq",
    "next_sample",
    "owner",
    "takeovers",
    "event",
)
LISTS = ("boundaries", "utterances", "adaptation")
FIELDS = (*PLAIN, *LISTS, "state", "recorded")

_COMPARED = Expected.__optional_keys__
_CHANGED = Changes.__optional_keys__
_ACTS = frozenset({"lease_s", "add_final", "trim_finals"})


def comparison(expected: Expected, changes: Changes) -> dict[str, object]:
    """What a swap compares, as it is stored. Raises TypeError for a field that is not one of
    the port's, ValueError where ``event`` is given and is not the added final's."""
    if not (expected.keys() <= _COMPARED and changes.keys() <= _CHANGED):
        unknown = (expected.keys() - _COMPARED) | (changes.keys() - _CHANGED)
        raise TypeError(f"a session has no field {', '.join(sorted(unknown))}")
    compared: dict[str, object] = {name: stored(name, value) for name, value in expected.items()}
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


def changed(changes: Changes) -> dict[str, object]:
    """The fields that a swap changes, as they are stored; an added final moves ``event``."""
    fields: dict[str, object] = {
        name: stored(name, value) for name, value in changes.items() if name not in _ACTS
    }
    final = changes.get("add_final")
    if final is not None:
        fields["event"] = final.event
    return fields


def stored(name: str, value: Any) -> object:
    """A field's value as a store holds it."""
    if name == "state":
        return State(value).value
    if name in LISTS:
        return compact(value)
    return int(value) if name == "recorded" else value


def record_of(key: CallKey, fields: dict[str, Any], finals: tuple[Final, ...]) -> Record:
    """The record of stored fields."""
    lists = {name: tuple(json.loads(fields[name])) for name in LISTS}
    state, recorded = State(fields["state"]), bool(fields["recorded"])
    whole = {**fields, **lists, "state": state, "recorded": recorded}
    return Record(key=key, finals=finals, **whole)


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
