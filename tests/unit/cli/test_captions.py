"""Captions: finals as lines, partials only in a terminal, and never after their final."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from twicetold.cli.captions import Captions

pytestmark = pytest.mark.unit


def final(text: str, *, utterance: int = 0, channel: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "type": "final",
        "event": utterance + 1,
        "channel": channel,
        "utterance": utterance,
        "start": 61.2,
        "end": 62.0,
        "text": text,
        "words": [],
        **more,
    }


def partial(text: str, *, utterance: int = 0, channel: int = 0) -> dict[str, Any]:
    return {
        "type": "partial",
        "channel": channel,
        "utterance": utterance,
        "start": 0.0,
        "end": 1.0,
        "text": text,
    }


def console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=80, highlight=False)


def written(screen: Console) -> str:
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def beneath(captions: Captions) -> str:
    screen = console(terminal=False)
    screen.print(captions._beneath())
    return written(screen)


def test_what_came_to_no_words_is_taken_back() -> None:
    with Captions(console(terminal=True), {}) as captions:
        captions.show(partial("um", utterance=3))
        captions.show(partial("er", utterance=2, channel=1))
        captions.show({"type": "no_words", "channel": 0, "utterance": 3})
        captions.show({"type": "no_words", "channel": 1, "utterance": 1})  # of an earlier one
        assert "um" not in beneath(captions)
        assert "er" in beneath(captions)


def test_without_a_terminal_finals_are_plain_lines() -> None:
    screen = console(terminal=False)
    with Captions(screen, {0: "agent", 1: "caller"}) as captions:
        captions.show(partial("he"))
        captions.show(final("hello [world]"))
        captions.show(final("yes", channel=1))
    assert written(screen) == " 1:01  agent  hello [world]\n 1:01  caller  yes\n"
    assert captions.finals == 2


def test_in_a_terminal_partials_are_shown_beneath() -> None:
    screen = console(terminal=True)
    with Captions(screen) as captions:
        captions.show(partial("good mor"))
        captions.status("▶ 0:01 of 1:00")
        assert "good mor" in beneath(captions)
        assert "0:01 of 1:00" in beneath(captions)
        captions.show(final("good morning"))
        assert "good mor" not in beneath(captions)
    assert "good morning" in written(screen)


def test_a_late_partial_does_not_come_back_after_its_final() -> None:
    captions = Captions(console(terminal=False))
    captions.show(final("done", utterance=3))
    captions.show(partial("late", utterance=3))
    captions.show(partial("later", utterance=2))
    assert "late" not in beneath(captions)
    captions.show(partial("next", utterance=4))
    assert "next" in beneath(captions)


def test_a_final_leaves_the_partial_of_the_next_utterance() -> None:
    captions = Captions(console(terminal=False))
    captions.show(partial("next", utterance=1))
    captions.show(final("done", utterance=0))
    assert "next" in beneath(captions)


def test_a_failed_utterance_is_said_so_and_an_empty_one_is_not_shown() -> None:
    screen = console(terminal=False)
    captions = Captions(screen)
    captions.show(final("", failed=True))
    captions.show(final(""))
    assert "transcribed again" in written(screen)
    assert len(written(screen).splitlines()) == 1


def lag(captions: Captions, seconds: float) -> None:
    captions.show({"type": "lagging", "seconds": seconds})


def test_in_a_terminal_the_lag_is_a_line_that_stays_true(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Captions(console(terminal=True)) as captions:
        for seconds, shown in ((7.0, "7 s behind"), (42.4, "42 s behind"), (192.0, "3:12 min")):
            lag(captions, seconds)
            assert shown in beneath(captions)
            assert "what is said is kept" in beneath(captions)
        lag(captions, 0.0)
        assert "behind" not in beneath(captions)
    assert capsys.readouterr().err == ""


def test_a_new_connection_says_anew_whether_captions_are_behind(
    capsys: pytest.CaptureFixture[str],
) -> None:
    captions = Captions(console(terminal=False))
    lag(captions, 7.0)
    captions.show({"type": "ready", "call_id": "c", "session": "s", "next_seq": 3})
    assert "behind" not in beneath(captions)
    assert capsys.readouterr().err.splitlines()[-1] == "Captions have caught up."


def test_without_a_terminal_the_lag_is_noted_seldom(capsys: pytest.CaptureFixture[str]) -> None:
    """Told each second for an hour, as where no live worker runs; then caught up."""
    now = 0.0
    captions = Captions(console(terminal=False), clock_s=lambda: now)
    for second in range(3, 3600):
        now = float(second)
        lag(captions, now)
    lag(captions, 0.0)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Captions are 3 s behind; what is said is kept."
    assert lines[1] == "Captions are 13 s behind; what is said is kept."
    assert lines[-1] == "Captions have caught up."
    assert 60 <= len(lines) <= 66
    assert lines[-2].startswith("Captions are 59:")


def test_a_lag_that_comes_and_goes_is_not_noted_each_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = 0.0
    captions = Captions(console(terminal=False), clock_s=lambda: now)
    for second in range(0, 60, 2):
        now = float(second)
        lag(captions, 4.0 if second % 4 else 0.0)
    assert len(capsys.readouterr().err.splitlines()) <= 12


def test_words_of_a_partial_that_stay_stand_out_from_those_that_may_change() -> None:
    captions = Captions(console(terminal=False))
    captions.show({**partial("good morning how can"), "settled": 2})
    assert dim_of(captions, 80) == " how can"
    captions.show({**partial("a " * 200 + "good morning how can"), "settled": 202})
    assert dim_of(captions, 80) == "… how can"
    captions.show(partial("good"))  # of a server that does not say
    assert dim_of(captions, 80) == "good"


def dim_of(captions: Captions, width: int) -> str:
    """What is dim of the one line beneath, its beginning apart."""
    screen = Console(file=io.StringIO(), width=width, highlight=False)
    (line,) = captions._beneath().renderables
    return "".join(
        segment.text
        for segment in screen.render(line)
        if segment.style is not None and segment.style.dim and "    …  " not in segment.text
    )


def test_a_long_partial_shows_its_end() -> None:
    captions = Captions(console(terminal=False))
    captions.show(partial("a " * 200 + "end"))
    assert "end" in beneath(captions)
    assert "…" in beneath(captions)


def test_missing_sound_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with Captions(Console(file=io.StringIO())) as captions:
        captions.show({"type": "gap", "at": 61.2})
    assert "1:01" in capsys.readouterr().err


def test_an_alert_is_a_line_with_what_to_do() -> None:
    screen = console(terminal=False)
    with Captions(screen) as captions:
        captions.show(final("i want to cancel my contract"))
        captions.show(
            {
                "type": "alert",
                "event": 1,
                "channel": 0,
                "at": 61.5,
                "category": "churn",
                "rule": "wants to leave",
                "suggestion": "Offer the loyalty discount.",
            }
        )
    assert "1:01  ! churn: wants to leave  Offer the loyalty discount." in written(screen)
