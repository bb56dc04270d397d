"""The live window against a recogniser that knows what is said: no word lost, none doubled."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.scripted import Faults, ScriptedRecogniser, sound_of

from twicetold.engines.inlet import RATE
from twicetold.engines.stream_adapter.recogniser import Heard
from twicetold.engines.stream_adapter.window import LiveWindow, WindowSettings
from twicetold.speech.transcript import Word

pytestmark = pytest.mark.unit

RIGHT = Faults()
FAULTS = (
    RIGHT,
    Faults(jitter_s=0.1, echoes=True),
    Faults(unstable_s=2.0),
    Faults(misheard=0.05),
    Faults(deaf=0.15),
)
ROUGH = Faults(jitter_s=0.1, unstable_s=2.0, misheard=0.05, deaf=0.1, echoes=True)


def speech(seed: int, length_s: float, *, longest_run: int = 8) -> list[Word]:
    """Words and pauses as people make them, with runs of equal words."""
    draw = random.Random(seed)
    words: list[Word] = []
    at = draw.uniform(0.0, 2.0)
    while True:
        text = draw.choice(("five", "two", "no", "the", "station", "Yes.", "one"))
        for _ in range(draw.choice((1, 1, 1, draw.randint(2, longest_run)))):
            length = draw.uniform(0.15, 0.6)
            if at + length > length_s:
                return words
            words.append(Word(at, at + length, text))
            at += length + draw.choice((0.0, 0.05, draw.uniform(0.0, 0.4)))
        if draw.random() < 0.1:
            at += draw.uniform(0.5, 8.0)


@dataclass
class Told:
    """What a stream gave: its settled words, how many there were after each window, and how many
    of them no two hypotheses had agreed on."""

    settled: list[Word] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    unagreed: int = 0


def tell(
    recognise: ScriptedRecogniser, length_s: float, chosen: WindowSettings, piece: int = 4096
) -> Told:
    """Ends between two ticks: what is heard last is heard by a steady recogniser."""
    window, told = LiveWindow(chosen), Told()
    end = round((length_s // chosen.tick_s + 0.6) * chosen.tick_s * RATE)
    for at in range(0, end, piece):
        window.hear(sound_of(at, min(at + piece, end)))
        while (asked := window.due()) is not None:
            told.settled += window.take(recognise(asked.sound, asked.prompt, "en"))
            told.counts.append(len(told.settled))
    recognise.steady = True
    if (asked := window.rest()) is not None:
        told.settled += window.take(recognise(asked.sound, asked.prompt, "en"))
    told.settled += window.flush()
    told.unagreed = window.unagreed
    return told


def texts(words: list[Word]) -> list[str]:
    return [word.text for word in words]


@st.composite
def window_settings(draw: st.DrawFn) -> WindowSettings:
    tick = draw(st.floats(0.2, 3.0))
    longest = draw(st.floats(max(12.0, 4 * tick), 30.0))
    return WindowSettings(tick, draw(st.floats(5.0, longest - tick)), longest)


@given(
    seed=st.integers(0, 2**32),
    chosen=window_settings(),
    length_s=st.floats(1.0, 60.0),
    faults=st.sampled_from(FAULTS),
)
@settings(max_examples=80)
def test_no_word_is_lost_or_doubled(
    seed: int, chosen: WindowSettings, length_s: float, faults: Faults
) -> None:
    truth = speech(seed, length_s - chosen.tick_s)
    recognise = ScriptedRecogniser(truth, faults, seed)
    told = tell(recognise, length_s, chosen)
    assert max(recognise.windows_s, default=0.0) <= chosen.longest_s + 1 / RATE
    if told.unagreed == 0:  # what nobody ever agreed on may be nonsense
        assert texts(told.settled) == texts(truth)
    if faults == RIGHT:
        assert told.unagreed == 0


@pytest.mark.parametrize("seed", range(20))
def test_nor_by_a_recogniser_with_all_faults_at_once(seed: int) -> None:
    truth = speech(seed, 100.0)
    told = tell(ScriptedRecogniser(truth, ROUGH, seed), 102.0, WindowSettings())
    assert told.unagreed == 0
    assert texts(told.settled) == texts(truth)


@pytest.mark.parametrize("run", range(2, 9))
@pytest.mark.parametrize("tick_s", [0.3, 0.5, 1.0, 2.0])
def test_runs_of_equal_words_are_told_in_full(run: int, tick_s: float) -> None:
    texts_said = ["say", *["five"] * run, "and", *["no"] * run]
    truth = [Word(0.3 * at, 0.3 * at + 0.28, text) for at, text in enumerate(texts_said)]
    chosen = WindowSettings(tick_s, 3.0, 8.0)
    assert texts(tell(ScriptedRecogniser(truth), 8.0, chosen).settled) == texts_said


def test_a_word_settles_with_the_second_window_that_holds_it() -> None:
    truth = speech(3, 30.0)
    told = tell(ScriptedRecogniser(truth), 32.0, WindowSettings())
    for number, count in enumerate(told.counts):
        assert count == sum(word.end <= number for word in truth)


@pytest.mark.slow
def test_an_hour_costs_as_much_as_a_minute() -> None:
    """Of sound that is recognised, of what is kept, and of what it is told."""
    truth = speech(5, 3_650.0)
    recognise = ScriptedRecogniser(truth, Faults(jitter_s=0.05, unstable_s=1.0), 5)
    window, chosen, settled = LiveWindow(), WindowSettings(), 0
    kept: list[int] = []
    for second in range(3_660):
        window.hear(sound_of(second * RATE, (second + 1) * RATE))
        while (asked := window.due()) is not None:
            settled += len(window.take(recognise(asked.sound, asked.prompt, "en")))
            kept.append(held(window))
    assert settled > 0.99 * len(truth)
    of_minute = [sum(recognise.windows_s[60 * at : 60 * at + 60]) for at in (0, 1, 30, 60)]
    assert of_minute[3] <= 1.1 * of_minute[1]
    assert max(recognise.windows_s) <= chosen.longest_s
    assert max(kept[3_000:]) <= 1.1 * max(kept[60:660])
    assert max(len(prompt) for prompt in recognise.prompts) <= chosen.prompt_characters


def held(window: LiveWindow) -> int:
    """Bytes and words that a window keeps."""
    sound = sum(piece.nbytes for piece in window._pieces)
    return sound + len(window._agreement.anchors) + len(window.tail) + len(window._prompt)


def test_the_prompt_is_what_went_before_the_window() -> None:
    truth = speech(7, 60.0)
    recognise = ScriptedRecogniser(truth)
    tell(recognise, 61.0, WindowSettings(prompt_characters=40))
    assert recognise.prompts[0] == ""
    said = " ".join(texts(truth))
    for prompt, begin_s in zip(recognise.prompts, recognise.begins_s, strict=True):
        before = " ".join(word.text for word in truth if word.end <= begin_s + 0.01)
        assert len(prompt) <= 40
        assert before.endswith(prompt)
    assert any(prompt and said.startswith(prompt) is False for prompt in recognise.prompts)


def test_a_loop_is_no_prompt() -> None:
    """It would make a model say it again; the words themselves are told."""
    truth = [Word(0.4 * at, 0.4 * at + 0.35, "Five.") for at in range(100)]
    recognise = ScriptedRecogniser(truth)
    assert len(tell(recognise, 42.0, WindowSettings()).settled) == 100
    assert set(recognise.prompts) <= {"", "Five.", "Five. Five.", "Five. Five. Five."}


def test_silence_does_not_make_the_window_long_and_takes_no_word() -> None:
    truth = [Word(1.0, 1.4, "one"), Word(100.0, 100.3, "two"), Word(100.35, 100.7, "three")]
    recognise = ScriptedRecogniser(truth)
    assert texts(tell(recognise, 110.0, WindowSettings()).settled) == ["one", "two", "three"]
    assert max(recognise.windows_s) <= 20.0
    assert sum(recognise.windows_s[20:100]) / 80 <= 11.0


def test_a_recogniser_gone_astray_is_not_believed() -> None:
    """It must not make each tick long, nor take the place of what was heard before."""
    truth = speech(11, 10.0)
    recognise, window, settled = ScriptedRecogniser(truth), LiveWindow(), list[Word]()
    for second in range(12):
        window.hear(sound_of(second * RATE, (second + 1) * RATE))
        while (asked := window.due()) is not None:
            if second % 4 == 3:
                loop = Heard([Word(0.001 * at, 0.001 * at, "you") for at in range(5_000)])
                settled += window.take(loop)
            else:
                settled += window.take(recognise(asked.sound, asked.prompt, "en"))
    assert texts(settled + window.flush()) == texts(truth)


def test_times_outside_the_window_and_empty_words_are_put_right() -> None:
    window = LiveWindow()
    window.hear(sound_of(0, RATE))
    assert window.due() is not None
    strange = [
        Word(-0.5, 0.1, " a "),
        Word(0.6, 0.4, "b"),
        Word(0.5, 9.0, "c"),
        Word(0.7, 0.8, " "),
    ]
    window.take(Heard([*strange, Word(1.5, 1.6, "beyond")]))
    assert window.tail == [Word(0.0, 0.1, "a"), Word(0.6, 0.6, "b"), Word(0.6, 1.0, "c")]


def test_windows_and_answers_take_turns() -> None:
    window = LiveWindow()
    with pytest.raises(RuntimeError, match="to none"):
        window.take(Heard(()))
    window.hear(sound_of(0, 3 * RATE))
    assert window.due() is not None
    with pytest.raises(RuntimeError, match="for the next"):
        window.due()


@pytest.mark.parametrize(
    ("tick_s", "trim_s", "longest_s"), [(0.0, 5, 10), (3.0, 5, 10), (1.0, 9.5, 10), (1.0, 0, 10)]
)
def test_settings_that_leave_no_room_are_refused(
    tick_s: float, trim_s: float, longest_s: float
) -> None:
    with pytest.raises(ValueError, match="expected"):
        WindowSettings(tick_s, trim_s, longest_s)
