"""Rubric files: read whole, or refused with the line and what is meant."""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import replace
from importlib import resources
from pathlib import Path

from twicetold.enrich import yaml_file
from twicetold.enrich.leads.calibration import Calibration, Method
from twicetold.enrich.leads.model import HIGHEST, LOWEST, Condition, Rubric, RubricRule
from twicetold.enrich.metrics.model import OF_CALL, OF_SPEAKER
from twicetold.enrich.rules.model import Must, Rule
from twicetold.enrich.rules.reading import SPOKEN_KEYS, check_before, check_size, spoken_fields
from twicetold.enrich.yaml_file import Item

MOST_RULES, MOST_QUESTIONS, _MOST_COUNT, _MOST_KNOTS = 500, 20, 100, 1_000
_MOST_WEIGHT, _LARGE = 100.0, 1e9

_FILE = ("name", "base", "rules", "calibration")
_ALWAYS = ("name", "weight")
_BOUNDS = ("at_least", "at_most")
_ALLOWED = {
    Condition.SAY: (*_ALWAYS, *SPOKEN_KEYS, "count"),
    Condition.METRIC: (*_ALWAYS, "metric", *_BOUNDS),
    Condition.SENTIMENT: (*_ALWAYS, "sentiment", *_BOUNDS),
    Condition.OUTCOME: (*_ALWAYS, "outcome", "is"),
    Condition.ASK: (*_ALWAYS, "ask"),
}
_KNOWN = tuple(dict.fromkeys(key for keys in _ALLOWED.values() for key in keys))


def load_rubric(path: Path) -> Rubric:
    """A rubric file. Blocks. Raises SettingError, with file, line and column."""
    return _rubric(yaml_file.read(path))


def default_rubric() -> Rubric:
    """The rubric that comes with the product: an example to begin with."""
    return parse_rubric(default_text(), "default.yaml")


def default_text() -> str:
    return resources.files(__package__).joinpath("default.yaml").read_text(encoding="utf-8")


def parse_rubric(text: str, name: str = "rubric.yaml") -> Rubric:
    """As ``load_rubric``, of a text."""
    return _rubric(yaml_file.parse(text, name))


def _rubric(file: Item) -> Rubric:
    fields = file.fields(_FILE, ("name", "rules"))
    name = fields["name"].text(80)
    base = fields["base"].number(LOWEST, HIGHEST) if "base" in fields else 0.0
    items = fields["rules"].items()
    if len(items) > MOST_RULES:
        raise fields["rules"].fail(f"There are more than {MOST_RULES} rules.")
    rules: list[RubricRule] = []
    for item in items:
        rule = _rule(item)
        if any(rule.name == other.name for other in rules):
            raise item.fail(f"There are two rules {rule.name!r}.")
        rules.append(rule)
        check_size(item, [each.phrases for each in rules if each.phrases is not None])
        if sum(each.condition is Condition.ASK for each in rules) > MOST_QUESTIONS:
            raise item.fail(f"There are more than {MOST_QUESTIONS} questions ('ask').")
    fingerprint = hashlib.sha256(repr((base, rules)).encode()).hexdigest()[:16]
    calibration = _calibration(fields["calibration"]) if "calibration" in fields else None
    return Rubric(name, base, tuple(rules), fingerprint, calibration)


def _rule(item: Item) -> RubricRule:
    fields = item.fields(_KNOWN, _ALWAYS)
    told = [condition for condition in Condition if condition.value in fields]
    if len(told) != 1:
        names = ", ".join(repr(each.value) for each in Condition)
        raise item.fail(f"A rule has one of the keys {names}.")
    for key, value in fields.items():
        if key not in _ALLOWED[told[0]]:
            raise value.fail(f"{key!r} has no place beside {told[0].value!r}.")
    name, weight = fields["name"].text(80), fields["weight"].number(-_MOST_WEIGHT, _MOST_WEIGHT)
    if weight == 0.0:
        raise fields["weight"].fail("A weight of 0 changes nothing.")
    return replace(_looking(told[0], name, item, fields), weight=weight)


def _looking(condition: Condition, name: str, item: Item, fields: dict[str, Item]) -> RubricRule:
    """The rule with what it looks at."""
    rule = RubricRule(name, 0.0, condition)
    if condition is Condition.SAY:
        phrases = Rule("", name, Must.SAY, **spoken_fields(fields, "say"))
        check_before(phrases, fields)
        count = fields["count"].whole(1, _MOST_COUNT) if "count" in fields else 1
        return replace(rule, phrases=phrases, count=count)
    if condition is Condition.ASK:
        return replace(rule, about=fields["ask"].text(300))
    if condition is Condition.OUTCOME:
        return replace(rule, about=fields["outcome"].text(80), values=_is(fields))
    if not any(bound in fields for bound in _BOUNDS):
        raise item.fail("Say from or up to which value it counts: 'at_least', 'at_most'.")
    if condition is Condition.METRIC:
        about, most = _metric(fields["metric"]), _LARGE
    else:
        about, most = fields["sentiment"].text(80), 1.0
    bounds = {name: fields[name].number(-most, most) for name in _BOUNDS if name in fields}
    low, high = (bounds.get(name) for name in _BOUNDS)
    return replace(rule, about=about, at_least=low, at_most=high)


def _is(fields: dict[str, Item]) -> tuple[str, ...]:
    if "is" not in fields:
        raise fields["outcome"].fail("Say which outcome counts: 'is'.")
    return tuple(each.text(80) for each in fields["is"].items())


def _metric(item: Item) -> str:
    """``silence_share``, or of a speaker ``customer.talk_share``."""
    text = item.text(160)
    speaker, dot, metric = text.rpartition(".")
    known = OF_SPEAKER if dot else OF_CALL
    if metric in known and (speaker or not dot):
        return text
    if not dot and metric in OF_SPEAKER:
        raise item.fail(f"{metric!r} is of a speaker: write customer.{metric} or agent.{metric}.")
    close = difflib.get_close_matches(metric, known, 1, 0.6)
    meant = f"do you mean {close[0]!r}?" if close else f"there are: {', '.join(known)}."
    raise item.fail(f"There is no metric {metric!r}; {meant}")


def _calibration(item: Item) -> Calibration:
    """As ``twicetold leads calibrate`` writes it."""
    keys = ("method", "rubric", "calls", "won", "slope", "intercept", "knots")
    fields = item.fields(keys, keys[:4])
    method = Method(fields["method"].one_of([each.value for each in Method]))
    for name in ("knots",) if method is Method.ISOTONIC else ("slope", "intercept"):
        if name not in fields:
            raise item.fail(f"The calibration needs the key {name!r}.")
    made = Calibration(
        method,
        fields["rubric"].text(64),
        fields["calls"].whole(1, int(_LARGE)),
        fields["won"].whole(0, int(_LARGE)),
    )
    if method is Method.ISOTONIC:
        return replace(made, knots=_knots(fields["knots"]))
    slope = fields["slope"].number(0.0, _LARGE)
    return replace(made, slope=slope, intercept=fields["intercept"].number(-_LARGE, _LARGE))


def _knots(item: Item) -> tuple[tuple[float, float], ...]:
    pairs = [each.items() for each in item.items()]
    if len(pairs) > _MOST_KNOTS or any(len(pair) != 2 for pair in pairs):
        raise item.fail("'knots' are pairs of a score and a probability.")
    knots = tuple((a.number(LOWEST, HIGHEST), b.number(0.0, 1.0)) for a, b in pairs)
    if list(knots) != sorted(knots) or [p for _, p in knots] != sorted(p for _, p in knots):
        raise item.fail("'knots' rise from one to the next.")
    return knots
