"""Rule files: read whole, or refused with the line and what is meant."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from twicetold.enrich import yaml_file
from twicetold.enrich.rules.model import (
    ANYBODY,
    MOST_WITHIN_S,
    MOST_WITHIN_WORDS,
    NEAR_WORDS,
    NOT_WORDS,
    SAME,
    Beside,
    Must,
    Rule,
    RuleSet,
    Spoken,
)
from twicetold.enrich.rules.phrases import MOST_LETTERS, Pattern, parse_phrase
from twicetold.enrich.yaml_file import Item

MOST_RULES = 2_000
MOST_PHRASES = 500
MOST_PATTERNS = 50_000
_MOST_ALERT_LETTERS = 500
_MOST_CALL_S = 86_400.0

# Others are possible (a call's own roles, "channel 0", "speaker 2"); these are mistyped.
_ROLES = (ANYBODY, SAME, "agent", "customer", "caller")
_WHEN = ("first", "last", "after", "before")
SPOKEN_KEYS = ("say", "who", "near", "not", "when")
_RULE_KEYS = ("name", "must_say", "must_not_say", "alert", "again_after", *SPOKEN_KEYS)


def load_rules(path: Path) -> RuleSet:
    """A file of rules. Blocks. Raises SettingError, with file, line and column."""
    return _rules(yaml_file.read(path))


def default_rules() -> RuleSet:
    """The rules that come with the product: an example to begin with."""
    return parse_rules(default_text(), "default.yaml")


def default_text() -> str:
    return resources.files(__package__).joinpath("default.yaml").read_text(encoding="utf-8")


def parse_rules(text: str, name: str = "rules.yaml") -> RuleSet:
    """As ``load_rules``, of a text."""
    return _rules(yaml_file.parse(text, name))


def _rules(file: Item) -> RuleSet:
    fields = file.fields(("categories",), ("categories",))
    rules: list[Rule] = []
    categories: list[str] = []
    for item in fields["categories"].items():
        about = item.fields(("name", "description", "rules"), ("name", "rules"))
        category = about["name"].text(80)
        if category in categories:
            raise about["name"].fail(f"There are two categories {category!r}.")
        categories.append(category)
        if "description" in about:  # for whoever reads the file
            about["description"].text()
        names = set[str]()
        for each in about["rules"].items():
            rule = _rule(each, category)
            if rule.name in names:
                raise each.fail(f"There are two rules {rule.name!r} in category {category!r}.")
            names.add(rule.name)
            rules.append(rule)
        if len(rules) > MOST_RULES:
            raise item.fail(f"There are more than {MOST_RULES} rules.")
        check_size(item, rules)
    return RuleSet(tuple(rules), _fingerprint(rules), tuple(categories))


def _rule(item: Item, category: str) -> Rule:
    fields = item.fields(_RULE_KEYS, ("name",))
    told = [must for must in Must if must.value in fields]
    if len(told) != 1:
        raise item.fail("A rule has one of the keys 'say', 'must_say' and 'must_not_say'.")
    rule = Rule(
        category,
        fields["name"].text(80),
        told[0],
        **spoken_fields(fields, told[0].value),
        alert=fields["alert"].text(_MOST_ALERT_LETTERS) if "alert" in fields else "",
        again_after_s=(
            fields["again_after"].seconds(_MOST_CALL_S) if "again_after" in fields else None
        ),
    )
    _check(rule, item, fields)
    return rule


def _check(rule: Rule, item: Item, fields: dict[str, Item]) -> None:
    """What each key takes by itself and makes no sense together."""
    if rule.must is Must.HAVE_SAID:
        if rule.near is not None:
            raise fields["near"].fail("'near' has no place where something must be said.")
        windows = (rule.first_s, rule.last_s, rule.after, rule.before)
        if sum(window is not None for window in windows) > 1:
            raise fields["when"].fail("'must_say' takes one of 'first', 'last', 'after', 'before'.")
        if rule.after is not None and rule.after.seconds is None:
            raise fields["when"].fail("Say how soon: 'within' has to stand with 'after'.")
    else:
        check_before(rule, fields)
    if rule.alert and rule.last_s is not None:
        raise fields["alert"].fail("With 'last' it is known when the call is over: too late.")
    if rule.alert and rule.must is Must.HAVE_SAID and "when" not in fields:
        raise fields["alert"].fail("Say when it has to be said ('when'), or no alert can come.")
    if rule.again_after_s is not None and not rule.alert:
        raise fields["again_after"].fail("'again_after' stands with 'alert'.")


def check_before(rule: Rule, fields: dict[str, Item]) -> None:
    """What is said before something else is waited for, and not for ever."""
    if rule.before is not None and rule.before.seconds is None:
        raise fields["when"].fail("Say how long before: 'within' has to stand with 'before'.")


def check_size(item: Item, rules: Sequence[Rule]) -> None:
    """A short file can stand for very many phrases, and all are kept in memory."""
    besides = (each for r in rules for each in (r.near, r.unless, r.after, r.before))
    patterns = sum(len(rule.spoken.patterns) for rule in rules)
    patterns += sum(len(beside.spoken.patterns) for beside in besides if beside is not None)
    if patterns > MOST_PATTERNS:
        raise item.fail(f"The phrases up to here stand for more than {MOST_PATTERNS:,}.")


def spoken_fields(fields: dict[str, Item], phrases: str) -> dict[str, Any]:
    """What of a rule says which phrases count: shared with lead rubrics."""
    found: dict[str, Any] = {
        "spoken": Spoken(patterns_of(fields[phrases]), _who(fields, ANYBODY)),
        "near": _beside(fields["near"], NEAR_WORDS, SAME) if "near" in fields else None,
        "unless": _unless(fields["not"]) if "not" in fields else None,
    }
    if "when" in fields:
        found |= _when(fields["when"])
    return found


def patterns_of(item: Item) -> tuple[Pattern, ...]:
    """One phrase or a list of them."""
    items = item.items()
    if len(items) > MOST_PHRASES:
        raise item.fail(f"There are more than {MOST_PHRASES} phrases in one rule.")
    found: list[Pattern] = []
    for each in items:
        text = each.text(MOST_LETTERS)
        try:
            found += parse_phrase(text)
        except ValueError as error:
            raise each.fail(f"The phrase cannot be used: {error}.") from None
    return tuple(dict.fromkeys(found))


def _when(item: Item) -> dict[str, Any]:
    fields = item.fields(_WHEN)
    if not fields:
        raise item.fail("'when' takes first, last, after or before.")
    found: dict[str, Any] = {
        f"{name}_s": fields[name].seconds(_MOST_CALL_S)
        for name in ("first", "last")
        if name in fields
    }
    for name in ("after", "before"):
        if name in fields:
            found[name] = _timed(fields[name])
    return found


def _timed(item: Item) -> Beside:
    """A phrase or phrases, or keys: say, within, who."""
    if item.node.id != "mapping":
        return Beside(Spoken(patterns_of(item)))
    fields = item.fields(("say", "within", "who"), ("say",))
    within = fields["within"].seconds(MOST_WITHIN_S) if "within" in fields else None
    return Beside(Spoken(patterns_of(fields["say"]), _who(fields, ANYBODY)), seconds=within)


def _unless(item: Item) -> Beside:
    return _beside(item, NOT_WORDS, SAME)


def _beside(item: Item, words: int, who: str) -> Beside:
    """As ``_timed``, but near in words where nothing else is said."""
    if item.node.id != "mapping":
        return Beside(Spoken(patterns_of(item), who), words=words)
    fields = item.fields(("say", "within", "who"), ("say",))
    seconds: float | None = None
    distance: int | None = words
    if "within" in fields:
        distance, seconds = fields["within"].distance(MOST_WITHIN_WORDS, MOST_WITHIN_S)
    spoken = Spoken(patterns_of(fields["say"]), _who(fields, who))
    if distance is not None and spoken.who != SAME:
        raise item.fail(
            "Words are counted in what one speaker says; with 'who', give a time: within: 10 s."
        )
    return Beside(spoken, distance, seconds)


def _who(fields: dict[str, Item], default: str) -> str:
    if "who" not in fields:
        return default
    text = fields["who"].text(64)
    meant = difflib.get_close_matches(text.lower(), _ROLES, 1, 0.75)
    if meant and meant[0] != text and not any(letter.isdigit() for letter in text):
        raise fields["who"].fail(f"'who' got {text!r}; do you mean {meant[0]!r}?")
    return text


def _fingerprint(rules: list[Rule]) -> str:
    return hashlib.sha256(repr(rules).encode()).hexdigest()[:16]
