"""A mistake in a file of rules is named with its line and what is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from twicetold.enrich.rules import Must, default_rules, load_rules, parse_rules
from twicetold.errors import SettingError

pytestmark = pytest.mark.unit

GOOD = """\
categories:
  - name: leaving
    rules:
      - name: cancels
        who: customer
        say: ["cancel*", no]
        near: {say: contract, within: 4 words}
        not: [appointment]
        when: {first: 2 min}
        alert: "Ask why."
        again_after: 90 s
      - {name: thanks, who: agent, must_say: thank you, when: {last: 30 s}}
      - {name: lies, must_not_say: I promise}
"""


def test_rules_are_read() -> None:
    cancels, thanks, lies = parse_rules(GOOD).rules
    assert (cancels.must, thanks.must, lies.must) == (Must.SAY, Must.HAVE_SAID, Must.NOT_SAY)
    assert cancels.spoken.who == "customer"
    assert len(cancels.spoken.patterns) == 2  # a word that YAML takes for false is a word
    assert cancels.near is not None
    assert cancels.near.words == 4
    assert cancels.first_s == 120.0
    assert cancels.again_after_s == 90.0
    assert thanks.last_s == 30.0


def test_the_rules_that_come_with_the_product_are_read() -> None:
    assert len(default_rules().rules) >= 10
    assert len({rule.category for rule in default_rules().rules}) >= 4


def test_what_changes_nothing_but_the_layout_changes_no_fingerprint() -> None:
    same = GOOD.replace('alert: "Ask why."', "alert: Ask why.") + "# a remark\n"
    assert parse_rules(GOOD).fingerprint == parse_rules(same).fingerprint
    assert parse_rules(GOOD).fingerprint != parse_rules(GOOD.replace("4 w", "5 w")).fingerprint


@pytest.mark.parametrize(
    ("old", "new", "place", "said"),
    [
        ("again_after", "again_afer", "11:9", "do you mean 'again_after'"),
        ("who: customer", "who: custommer", "5:14", "do you mean 'customer'"),
        ("first: 2 min", "first: 2 hours", "9:23", "a time such as 30 s"),
        ("first: 2 min", "fist: 2 min", "9:16", "do you mean 'first'"),
        ("within: 4 words", "within: four words", "7:39", "words or a time"),
        ("within: 4 words", "within: 4 words, who: agent", "7:15", "give a time"),
        ('"cancel*"', '"*cancel"', "6:15", "not at the end"),
        ('"cancel*"', '"(cancel"', "6:15", "not closed"),
        ('["cancel*", no]', "[]", "6:14", "nothing in 'say'"),
        ('["cancel*", no]', "", "6:13", "nothing in 'say'"),
        ("name: cancels", "name: thanks", "12:9", "two rules 'thanks'"),
        ("must_say: thank you,", "", "12:9", "one of the keys"),
        ("must_say: thank you,", "must_say: a, say: b,", "12:9", "one of the keys"),
        ("categories:", "categorys:", "1:1", "do you mean 'categories'"),
        ("    rules:", "    rules: {}\n    rules:", "4:5", "stands twice"),
        ("when: {first: 2 min}", "when: {last: 2 min}", "10:16", "too late"),
        ("when: {first: 2 min}", "when: {before: pay}", "9:15", "'within'"),
        ("when: {last: 30 s}", "when: {after: complaint}", "12:63", "'within'"),
        ("when: {last: 30 s}", "when: {last: 30 s, first: 9 s}", "12:63", "one of"),
        ("must_say: thank you,", "must_say: a, near: b,", "12:55", "no place"),
        ('alert: "Ask why."', "colour: x", "10:9", "it takes"),
        ("rules:", "rules: [", "4:", "no YAML"),
        ("categories:", "\tcategories:", "1:1", "no YAML"),
        ("[appointment]", "&a [x]\n        when: *a", "9:15", "alias"),
    ],
)
def test_a_mistake_is_refused_where_it_is(old: str, new: str, place: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(SettingError) as caught:
        parse_rules(GOOD.replace(old, new, 1), "mine.yaml")
    assert caught.value.message.startswith(f"mine.yaml:{place}"), caught.value.message
    assert said in caught.value.message


@pytest.mark.parametrize("text", ["", "# nothing\n", "categories:\n", "[" * 5000, "a: b: c"])
def test_what_is_no_file_of_rules_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=r"rules\.yaml"):
        parse_rules(text)


def test_a_short_file_that_stands_for_very_many_phrases_is_refused() -> None:
    phrase = "w (a|b|c|d) (a|b|c|d) (a|b|c|d) x"
    say = ", ".join(f'"{phrase.replace("w", f"w{n}")}"' for n in range(400))
    rules = "".join(
        f"\n      - {{name: r{n}, say: [{say.replace('w', f'v{n}')}]}}" for n in range(3)
    )
    with pytest.raises(SettingError, match=r"stand for more than 50,000"):
        parse_rules(f"categories:\n  - name: c\n    rules:{rules}")


def test_files_are_refused_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="cannot be read"):
        load_rules(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes("categories: é".encode("latin-1"))
    with pytest.raises(SettingError, match="no UTF-8"):
        load_rules(tmp_path / "latin.yaml")
    (tmp_path / "huge.yaml").write_bytes(b"#" * 300_001)
    with pytest.raises(SettingError, match="larger than"):
        load_rules(tmp_path / "huge.yaml")
