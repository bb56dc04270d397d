"""Windows of several calls and recordings in one pass through Whisper: each has the words that it
has alone, whoever is beside it."""

from __future__ import annotations

import gc
import itertools
import json
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.models.whisper import Shape, drone, make_model, make_random, pcm_of, speech

from twicetold.engines import Expected, Sound
from twicetold.engines.hosted import Kind, Message, pack_sound, pack_start
from twicetold.engines.together import Answer, Together, is_joint
from twicetold.engines.whisper.engine import WhisperEngine
from twicetold.engines.whisper.language import SpokenLanguage
from twicetold.engines.whisper.steps import Ask, Decode, Encode
from twicetold.errors import BadParameter
from twicetold.speech.transcript import Hypothesis

pytestmark = pytest.mark.integration

RATE = 16_000
MESSAGE = 2 * RATE // 4  # bytes: a quarter of a second
POISON = 0.987  # a sample of a sound that the model chokes on


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("models")
    return {
        "reader": make_model(directory / "reader", Shape(seed=1, multilingual=True)),
        "random": make_random(directory / "random", Shape(seed=3, heads=4, multilingual=True)),
    }


def engine(directory: Path, together: int, **options: Any) -> WhisperEngine:
    options = {"compute": "float32", "tick_s": 1.0, **options}
    return WhisperEngine(str(directory), device="cpu", threads=1, together=together, **options)


class Watched:
    """Keeps how many went through each step at once, and with what prompts."""

    def __init__(self, whisper: WhisperEngine) -> None:
        self.taken: list[Sequence[Ask]] = []
        self._take = whisper._model.take
        whisper._model.take = self  # type: ignore[method-assign, assignment]

    def __call__(self, asks: Sequence[Ask]) -> Sequence[Any]:
        self.taken.append(asks)
        return self._take(asks)

    def at_once(self, step: type) -> list[int]:
        return [len(asks) for asks in self.taken if isinstance(asks[0], step)]

    @property
    def decoded_again(self) -> list[int]:
        return [
            len(asks)
            for asks in self.taken
            if isinstance(asks[0], Decode) and asks[0].attempt.never_twice
        ]


def sounds() -> list[tuple[Sound, str]]:
    """Of all kinds: none, a moment, silence, loops, soft and loud ones, several windows."""
    quiet = pcm_of(speech(2, 6) * np.float32(0.1))
    pcm = [b"", bytes(600), bytes(5 * 2 * RATE), pcm_of(drone(3, 12)), pcm_of(drone(4, 7)), quiet]
    pcm += [pcm_of(speech(seed, length)) for seed, length in enumerate((1, 7.4, 29.8, 30, 40, 65))]
    languages = itertools.cycle(("auto", "en", "de", "auto", "fr"))
    expecting = Expected(terms=("quux", "wob"), languages=("de", "fr"))
    french = SpokenLanguage(9.0, {"fr": 9.0}, "fr").to_adaptation()
    return [
        *((Sound(each, RATE), next(languages)) for each in pcm),
        (Sound(pcm[6], RATE, expected=expecting), "auto"),
        (Sound(pcm[7], RATE, adaptation=french), "auto"),
    ]


def same(one: Hypothesis, other: Hypothesis) -> bool:
    """All but a probability's last digits: float32 sums in another order beside others."""

    def plain(told: Hypothesis) -> Any:
        words = [(word.text, word.start, word.end) for word in told.words]
        locked = json.loads(told.adaptation or "{}").get("locked")
        return words, told.guarded, told.settled, locked

    def numbers(told: Hypothesis) -> list[float]:
        heard = json.loads(told.adaptation or "{}").get("heard", {})
        return [*(word.probability or 0.0 for word in told.words), *heard.values()]

    return plain(one) == plain(other) and np.allclose(numbers(one), numbers(other), atol=3e-4)


@pytest.mark.parametrize("model", ["reader", "random"])
@pytest.mark.parametrize(("compute", "beam"), [("float32", 5), ("int8", 5), ("int8", 1)])
@pytest.mark.slow
def test_recordings_have_the_words_that_they_have_alone(
    models: dict[str, Path], model: str, compute: str, beam: int
) -> None:
    many = sounds() if model == "reader" else sounds()[2:8]
    options = {"compute": compute, "beam": beam}
    single = engine(models[model], 1, **options)
    alone = [single.transcribe(*each) for each in many]
    joint = engine(models[model], 5, **options)
    watched = Watched(joint)
    together = joint.transcribe_all(many)
    assert [same(*each) for each in zip(together, alone, strict=True)] == [True] * len(many)
    assert max(watched.at_once(Encode)) == max(watched.at_once(Decode)) == 5
    if model == "reader":
        assert sum(len(each.words) for each in alone) > 200, "expected sounds that are heard"
    if (model, compute) == ("reader", "float32"):  # int8 hears no loops in these sounds
        assert max(watched.decoded_again) >= 2, "expected second readings of several at once"
        first, again = sum(watched.at_once(Decode)), sum(watched.decoded_again)
        assert 0 < again < first - again, "expected second readings of some only"


class Call:
    """An utterance as its parent sends it."""

    def __init__(self, pcm: bytes, language: str, rate: int = RATE) -> None:
        self.pcm, self.language, self.rate = pcm, language, rate
        self.told: list[Answer] = []

    @property
    def over(self) -> bool:
        return bool(self.told) and isinstance(self.told[-1], Exception)

    def request(self, turn: int, number: int) -> Message | None:
        piece = self.pcm[turn * MESSAGE : (turn + 1) * MESSAGE]
        if turn < 0:
            return Message(Kind.START, number, pack_start(self.rate, self.language, None))
        if piece:
            return Message(Kind.ACCEPT, number, piece)
        ended = (turn - 1) * MESSAGE < len(self.pcm) <= turn * MESSAGE
        return Message(Kind.FINISH, number) if ended else None


def play(whisper: WhisperEngine, calls: Sequence[Call]) -> list[list[Answer]]:
    """All of them at once, each message with those of the others."""
    assert is_joint(whisper)
    together = Together(whisper)
    for turn in range(-1, 2 + max(len(call.pcm) for call in calls) // MESSAGE):
        asked = [(n, call.request(turn, n)) for n, call in enumerate(calls) if not call.over]
        answers = together.answer([request for _, request in asked if request is not None])
        for number, answer in answers.items():
            calls[number].told.append(answer)
    return [call.told for call in calls]


def calls() -> list[Call]:
    """Of several languages, with loops, at 8 kHz, and so long that text goes before a window."""
    return [
        Call(pcm_of(speech(1, 7.2)), "en"),
        Call(pcm_of(speech(2, 29)), "auto"),
        Call(pcm_of(speech(3, 28)), "de"),
        Call(pcm_of(drone(3, 6)), "en"),
        Call(pcm_of(speech(5, 4)), "auto", 8_000),
        Call(bytes(2 * RATE), "fr"),
        Call(b"", "en"),
    ]


@pytest.mark.parametrize("compute", ["float32", "int8"])
@pytest.mark.slow
def test_calls_have_the_partials_and_finals_that_they_have_alone(
    models: dict[str, Path], compute: str
) -> None:
    options: dict[str, Any] = {"compute": compute, "beam": 2, "tick_s": 3.0}
    single = engine(models["reader"], 1, **options)
    alone = [play(single, [call])[0] for call in calls()]
    joint = engine(models["reader"], 16, **options)
    watched = Watched(joint)
    for told, by_itself in zip(play(joint, calls()), alone, strict=True):
        assert len(told) == len(by_itself)
        for one, other in zip(told, by_itself, strict=True):
            assert isinstance(one, Hypothesis)
            assert isinstance(other, Hypothesis)
            assert same(one, other)
    assert max(watched.at_once(Decode)) >= 4
    decoded = [each for asks in watched.taken for each in asks if isinstance(each, Decode)]
    assert len({len(ask.prompt) for ask in decoded}) >= 3, "expected text before some windows"
    last = [told[-1] for told in alone]
    assert [bool(each.words) for each in last if isinstance(each, Hypothesis)][:3] == [True] * 3


def test_a_stream_that_fails_is_the_only_one(
    models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    joint = engine(models["reader"], 16, beam=1)
    encode = joint._model.encode
    poison = speech(7, 5)
    poison[3 * RATE] = POISON
    heard = joint._model.features

    def features(sound: np.ndarray[Any, Any]) -> Any:
        told = heard(sound)
        return told * np.nan if np.isclose(sound, POISON, atol=1e-4).any() else told

    def choking(asks: Sequence[Encode]) -> Any:
        if any(np.isnan(ask.features).any() for ask in asks):
            raise RuntimeError("out of memory")
        return encode(asks)

    healthy = [Call(pcm_of(np.clip(speech(seed, 5), -0.9, 0.9)), "en") for seed in (1, 2, 3)]
    alone = [play(joint, [Call(call.pcm, "en")])[0] for call in healthy]
    monkeypatch.setattr(joint._model, "features", features)
    monkeypatch.setattr(joint._model, "encode", choking)
    first, second, third = healthy
    told = play(joint, [first, Call(pcm_of(poison), "en"), second, third])
    failed = told.pop(1)
    assert [str(each) for each in failed if isinstance(each, Exception)] == ["out of memory"]
    assert len(failed) < len(alone[0]), "expected it to be over"
    for mine, before in zip(told, alone, strict=True):
        assert [getattr(each, "text", None) for each in mine] == [
            getattr(each, "text", None) for each in before
        ]


def test_a_recording_that_cannot_be_heard_is_the_only_one(models: dict[str, Path]) -> None:
    together = Together(engine(models["reader"], 16))
    good = Sound(pcm_of(speech(1, 3)), RATE)
    asked = [(good, "en"), (good, "xx"), (good, "de")]
    requests = [
        Message(Kind.TRANSCRIBE, number, b"".join(pack_sound(*each)))
        for number, each in enumerate(asked)
    ]
    answers = together.answer(requests)
    assert isinstance(answers[1], BadParameter)
    assert all(isinstance(answers[number], Hypothesis) for number in (0, 2))


def test_a_cpu_takes_one_at_a_time_unless_it_is_told(models: dict[str, Path]) -> None:
    assert engine(models["reader"], 0).together == 1
    assert engine(models["reader"], 3).together == 3


def test_what_was_encoded_is_let_go_with_its_last_window(models: dict[str, Path]) -> None:
    """At once, not when the collector of cycles comes by: it is megabytes."""
    model = engine(models["reader"], 2)._model
    asks = [Encode(model.features(speech(seed, 2))) for seed in (1, 2)]
    first, second = model.encode(asks)
    batch = weakref.ref(first.batch)
    gc.disable()
    try:
        del first
        assert batch() is not None
        del second
        assert batch() is None
    finally:
        gc.enable()
