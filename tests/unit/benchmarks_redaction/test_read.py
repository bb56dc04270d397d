"""The marks of the redaction sets are read word by word, and a wrong one is refused."""

import json

import pytest
from benchmarks.redaction_sets.read import KINDS, BadMark, Dialogue, parse, read

pytestmark = pytest.mark.unit


def dialogue(*turns: str, style: str = "plain") -> Dialogue:
    """Turns of the customer, but those that begin with ``A ``."""
    body = {
        "id": "x-1",
        "style": style,
        "turns": [
            {
                "who": "agent" if text.startswith("A ") else "customer",
                "text": text.removeprefix("A "),
            }
            for text in turns
        ],
    }
    return next(iter(parse([json.dumps(body)])))


def test_a_mark_goes_from_the_text_and_stays_on_its_words() -> None:
    turn = dialogue("my number is {phone: four one five} yes").turns[0]

    assert turn.text == "my number is four one five yes"
    assert turn.words == ("my", "number", "is", "four", "one", "five", "yes")
    assert [(m.kind, m.first, m.end, m.required) for m in turn.marks] == [
        ("phone", 3, 6, (3, 4, 5))
    ]


def test_a_word_is_marked_with_what_hangs_on_it() -> None:
    turn = dialogue("({phone: 415-555-0199}), or {email: jane@example.com}'s.").turns[0]

    assert [turn.words[mark.first : mark.end] for mark in turn.marks] == [
        ("(415-555-0199),",),
        ("jane@example.com's.",),
    ]


def test_pieces_are_one_item_and_marks_without_a_plus_are_others() -> None:
    turns = dialogue(
        "{phone: four one} um {phone+: five}",
        "A {phone: four one five}",
        "{phone+: two} {name: jo}",
    ).turns

    assert [[mark.item for mark in turn.marks] for turn in turns] == [[0, 0], [1], [1, 2]]


def test_hesitations_and_what_joins_a_letter_to_its_word_carry_no_value() -> None:
    turn = dialogue(
        "{spelled_name: b as in bravo uh n for november four for two d like delta j for}"
    ).turns[0]

    assert [turn.words[index] for index in turn.marks[0].required] == [
        *("b", "bravo", "n", "november", "four", "for", "two", "d", "delta", "j", "for")
    ]


@pytest.mark.parametrize(
    "text",
    ["{phon: one}", "{phone: one", "one}", "{phone+: one}", "{phone:  } one", "{phone:one}"],
)
def test_a_wrong_mark_is_refused_with_its_dialogue(text: str) -> None:
    with pytest.raises(BadMark, match="x-1"):
        dialogue(text)


def test_an_unknown_style_or_speaker_is_refused() -> None:
    with pytest.raises(BadMark, match="fancy"):
        dialogue("one", style="fancy")
    with pytest.raises(BadMark, match="robot"):
        list(parse(['{"id": "x", "style": "plain", "turns": [{"who": "robot", "text": "a"}]}']))


@pytest.mark.parametrize(("name", "of_a_kind"), [("dev", 30), ("held_out", 25)])
def test_a_set_keeps_to_the_format_and_has_enough_of_every_kind(name: str, of_a_kind: int) -> None:
    dialogues = read(name)
    items = {
        (dialogue.id, mark.item): mark.kind
        for dialogue in dialogues
        for turn in dialogue.turns
        for mark in turn.marks
    }

    assert len({dialogue.id for dialogue in dialogues}) == len(dialogues)
    assert {kind for kind in KINDS if list(items.values()).count(kind) < of_a_kind} == set()


def test_the_two_sets_share_no_turn_of_five_words() -> None:
    def turns(name: str) -> set[str]:
        return {turn.text for call in read(name) for turn in call.turns if len(turn.words) > 4}

    assert turns("dev") & turns("held_out") == set()


def test_articles_carry_no_value() -> None:
    turn = dialogue("{date_of_birth: the third of may} {address: flat number two}").turns[0]

    assert [mark.required for mark in turn.marks] == [(1, 3), (4, 6)]
