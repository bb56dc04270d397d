"""The scorer counts what was found, what else went and what is left of a card."""

from collections.abc import Mapping, Sequence

import pytest
from benchmarks.redaction_sets.read import Dialogue, Turn, read
from benchmarks.redaction_sets.score import Rate, Score, digits, score, table
from hypothesis import given
from hypothesis import strategies as st

from .test_read import dialogue

pytestmark = pytest.mark.unit


def scored(calls: Dialogue, *removed: Mapping[int, str]) -> Score:
    return score([calls], lambda _turns: removed)


def test_an_item_is_found_when_all_its_words_are_gone_over_all_turns() -> None:
    call = dialogue("it's {phone: four one} um {phone+: five}", "A mm hmm", "{phone+: two} yes")

    whole = scored(call, {1: "phone", 2: "phone", 4: "phone"}, {}, {0: "phone"})
    part = scored(call, {1: "phone", 2: "phone", 4: "phone"}, {}, {})

    assert whole.items == {"phone": Rate(1, 1)}
    assert part.items == {"phone": Rate(0, 1)}
    assert part.words == {"phone": Rate(3, 4)}
    assert part.misses[0].stayed == "two"


def test_fillers_between_pieces_may_go_and_innocent_words_may_not() -> None:
    call = dialogue("it's {phone: four one} um {phone+: five}", "A mm hmm", "{phone+: two} yes")
    every = [dict.fromkeys(range(n), "phone") for n in (5, 2, 2)]

    result = scored(call, *every)

    assert result.precision == Rate(7, 9)  # "it's" and "yes" should have stayed
    assert result.precision_of_runs == Rate(2, 2)  # "mm hmm" alone is no run that counts


def test_many_words_between_pieces_are_no_fillers() -> None:
    call = dialogue("{phone: four one} let me look that up for you {phone+: five}")

    assert scored(call, dict.fromkeys(range(10), "phone")).precision == Rate(3, 10)


def test_names_and_the_debatable_count_on_neither_side() -> None:
    call = dialogue("i'm {name: jane doe} ending {any: four two} it's {spelled_name: j a n e}")

    kept = scored(call, {6: "spelled_name", 7: "", 8: "", 9: ""})
    gone = scored(call, dict.fromkeys((1, 2, 4, 5, 6, 7, 8, 9), "name"))

    assert kept.items == gone.items == {"spelled_name": Rate(0, 1)}
    assert scored(call, {1: "name", 2: "name"}).precision == Rate(0, 0)
    assert gone.precision == Rate(3, 4)  # "it's"


def test_a_run_without_anything_marked_is_a_false_alarm() -> None:
    call = dialogue("that's nineteen ninety nine a month", "call {phone: five five five}")

    result = scored(call, {1: "date", 2: "date", 3: "date"}, {1: "phone", 2: "phone", 3: "phone"})

    assert result.precision_of_runs == Rate(1, 2)
    assert [(alarm.kinds, alarm.words) for alarm in result.false_alarms] == [
        (("date",), "nineteen ninety nine")
    ]


def test_a_found_item_may_have_another_name_and_that_is_told() -> None:
    call = dialogue("{phone: one two} {card_cvv: three four five}")

    result = scored(call, {0: "phone", 1: "phone", 2: "phone", 3: "phone", 4: "phone"})

    assert result.recall == Rate(2, 2)
    assert result.kinds_right == Rate(1, 2)


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ("four double five oh", [1, 1, 1, 1]),
        ("forty one eleven triple for", [1, 1, 2, 2, 1]),
        ("fifty twenty-six 4111 4-1,", [2, 2, 4, 2]),
        ("two hundred slash", [1, 2, 0]),
    ],
)
def test_digits_of_a_word(words: str, count: list[int]) -> None:
    assert digits(words.split()) == count


def test_what_is_left_of_a_card_is_the_most_of_any() -> None:
    call = dialogue("{card_number: 4111 1111 1111 1111} or {card_number: four one one two}")

    assert scored(call, {0: "", 1: "", 2: ""}).card_digits_left == 4
    assert scored(call, {5: "", 6: "", 7: "", 8: ""}).card_digits_left == 16


def test_an_answer_that_does_not_fit_is_refused() -> None:
    call = dialogue("one two")
    with pytest.raises(ValueError, match="1 turns, 0 given back"):
        scored(call)
    with pytest.raises(ValueError, match="no word 2"):
        scored(call, {2: "phone"})


def test_wilson_as_in_the_tables() -> None:
    low, high = Rate(81, 263).interval  # Newcombe 1998, table I: 0.2553 to 0.3662

    assert low == pytest.approx(0.2553, abs=5e-5)
    assert high == pytest.approx(0.3662, abs=5e-5)


@given(st.integers(0, 200), st.integers(1, 200))
def test_an_interval_holds_its_share(hits: int, of: int) -> None:
    rate = Rate(min(hits, of), of)
    low, high = rate.interval

    assert 0 <= low <= rate.share + 1e-12
    assert rate.share - 1e-12 <= high <= 1


def test_who_takes_away_exactly_what_is_marked_scores_full() -> None:
    def perfect(turns: Sequence[Turn]) -> list[dict[int, str]]:
        return [{i: mark.kind for mark in turn.marks for i in mark.required} for turn in turns]

    result = score(read("dev"), perfect)

    assert result.recall.share == result.precision.share == result.precision_of_runs.share == 1
    assert result.kinds_right.share == 1
    assert result.card_digits_left == 0
    assert "phone" in table(result)


def test_who_takes_away_nothing_finds_nothing() -> None:
    result = score(read("dev"), lambda turns: [{} for _ in turns])

    assert result.recall.hits == result.word_recall.hits == 0
    assert result.card_digits_left >= 16
