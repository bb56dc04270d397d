"""A mistake in a rubric is named with its line and what is meant."""

from __future__ import annotations

import pytest

from twicetold.enrich.leads import default_rubric, parse_rubric
from twicetold.enrich.leads.model import Condition
from twicetold.errors import SettingError

pytestmark = pytest.mark.unit

GOOD = """\
name: mine
base: 10
rules:
  - {name: price, weight: 15, who: customer, say: [how much], count: 3}
  - {name: talks, weight: 5, metric: customer.talk_share, at_least: 0.3}
  - {name: mood, weight: -5, sentiment: customer, at_most: -0.2}
  - {name: booked, weight: 30, outcome: next step, is: [demo, visit]}
  - {name: budget, weight: 9, ask: "Does the customer name a budget?"}
calibration: {method: platt, rubric: abc, calls: 50, won: 10, slope: 0.1, intercept: -4}
"""


def test_a_rubric_is_read() -> None:
    rubric = parse_rubric(GOOD)
    assert (rubric.name, rubric.base) == ("mine", 10)
    assert [rule.condition for rule in rubric.rules] == list(Condition)
    assert rubric.rules[0].count == 3
    assert rubric.rules[3].values == ("demo", "visit")
    assert rubric.questions == (("budget", "Does the customer name a budget?"),)
    assert not rubric.calibrated  # on another rubric


def test_the_rubric_that_comes_with_the_product_is_read() -> None:
    rubric = default_rubric()
    assert len(rubric.rules) >= 10
    assert not rubric.calibrated
    assert rubric.questions == ()


def test_a_calibration_is_of_the_rubric_that_was_scored_with() -> None:
    own = parse_rubric(GOOD).fingerprint
    mine = GOOD.replace("rubric: abc", f"rubric: {own}")
    assert parse_rubric(mine).calibrated
    assert not parse_rubric(mine.replace("weight: 9", "weight: 8")).calibrated


@pytest.mark.parametrize(
    ("old", "new", "at", "said"),
    [
        ("weight: 15", "wheight: 15", "wheight", "do you mean 'weight'"),
        ("weight: 15", "weight: lots", "lots", "it takes -100 to 100"),
        ("weight: 15", "weight: nan", "nan", "it takes -100 to 100"),
        ("weight: 15", "weight: 0", "0,", "changes nothing"),
        ("base: 10", "base: 110", "110", "it takes 0 to 100"),
        ("talk_share", "talk_shar", "customer.talk_shar,", "do you mean 'talk_share'"),
        ("customer.talk_share", "talk_share", "talk_share,", "is of a speaker"),
        (", at_least: 0.3", "", "{name: talks", "'at_least', 'at_most'"),
        ("at_most: -0.2", "at_most: -20", "-20}", "it takes -1 to 1"),
        (", is: [demo, visit]", "", "next step}", "which outcome"),
        ("outcome: next step", "outcome: x, say: y", "{name: booked", "one of the keys"),
        ('ask: "Does', 'near: a, ask: "Does', "a, ask", "has no place beside 'ask'"),
        ("count: 3", "count: 2.5", "2.5}", "a whole number"),
        ("name: booked", "name: mood", "{name: mood, weight: 30", "two rules 'mood'"),
        ("[how much]", '["how (much"]', '"how (much"', "not closed"),
        ("method: platt", "method: plat", "plat,", "do you mean 'platt'"),
        ("slope: 0.1, ", "", "{method", "needs the key 'slope'"),
        ("slope: 0.1", "slope: -0.1", "-0.1,", "it takes 0 to"),
        ("method: platt", "method: isotonic, knots: [[5, 0.5], [3, 0.6]]", "[[5", "rise"),
        ("method: platt", "method: isotonic, knots: [[5, 0.5, 1]]", "[[5", "pairs"),
        ("name: mine", "naem: mine", "naem", "do you mean 'name'"),
    ],
)
def test_a_mistake_is_refused_where_it_is(old: str, new: str, at: str, said: str) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    with pytest.raises(SettingError) as caught:
        parse_rubric(text, "mine.yaml")
    name, line, column, message = caught.value.message.split(":", 3)
    assert name == "mine.yaml"
    assert text.splitlines()[int(line) - 1][int(column) - 1 :].startswith(at), caught.value.message
    assert said in message
