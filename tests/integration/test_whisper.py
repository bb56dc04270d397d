"""Engine whisper on small models whose weights are made here: what the upstream library makes of
the same sound is what ours has to make of it."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import socket
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from faster_whisper import WhisperModel
from numpy.typing import NDArray
from tests.models.whisper import Shape, drone, make_model, make_random, pcm_of, speech

from twicetold.engines import Expected, Sound
from twicetold.engines.opening import guarded_by
from twicetold.engines.registry import engine_info, open_batch, open_live
from twicetold.engines.whisper.engine import WhisperEngine
from twicetold.engines.whisper.guards import Attempt
from twicetold.engines.whisper.model import Device, Model
from twicetold.engines.whisper.steps import Decode, Encode
from twicetold.errors import BadParameter, EngineFailed, SettingError, UnsupportedRate
from twicetold.speech.transcript import Word

pytestmark = pytest.mark.integration

RATE = 16_000
LENIENT = {"no_speech": 2.0, "log_probability": -1e9, "compression": 1e9}  # guards that never act
Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("models")
    return {
        "english": make_model(directory / "reader.en", Shape(seed=1)),
        "all": make_model(directory / "reader", Shape(seed=1, multilingual=True)),
        "v3": make_model(directory / "reader-v3", Shape(seed=2, mels=128, multilingual=True)),
        "random": make_random(directory / "random", Shape(seed=3, heads=4, layers=2)),
    }


def ours(directory: Path, **options: Any) -> WhisperEngine:
    return WhisperEngine(str(directory), compute="float32", threads=1, **options)


def upstream(directory: Path) -> WhisperModel:
    return WhisperModel(str(directory), device="cpu", compute_type="float32", cpu_threads=1)


def told_by(whisper: WhisperModel, pcm: bytes, **options: Any) -> list[tuple[str, float, float]]:
    """Upstream's words, at temperature 0 and with nothing carried from window to window; without
    those of a last window of less than half a second, of which it makes something too."""
    last = len(pcm) // 2 // 160 - 50  # in its frames of 10 ms
    segments, _ = whisper.transcribe(
        np.frombuffer(pcm, "<i2").astype(np.float32) / 32_768,
        temperature=[0.0],
        condition_on_previous_text=False,
        word_timestamps=True,
        **options,
    )
    heard = [segment for segment in segments if segment.seek <= max(0, last)]
    words = [word for segment in heard for word in segment.words or []]
    return [(word.word.strip(), float(word.start), float(word.end)) for word in words]


def plain(words: tuple[Word, ...]) -> list[tuple[str, float, float]]:
    return [(word.text, word.start, word.end) for word in words]


@pytest.mark.parametrize("kind", ["english", "all", "v3"])
@pytest.mark.slow
def test_any_length_has_the_words_and_times_of_upstream(models: dict[str, Path], kind: str) -> None:
    """Of all windows: a second alone, one that is just full, those of a minute and a half."""
    engine, whisper = ours(models[kind], thresholds=LENIENT), upstream(models[kind])
    words = 0
    for seed, seconds in enumerate((1, 7.4, 29.8, 30, 30.4, 65)):
        pcm = pcm_of(speech(seed, seconds))
        heard = engine.transcribe(Sound(pcm, RATE), "auto")
        assert plain(heard.words) == told_by(whisper, pcm)
        words += len(heard.words)
    assert words > 150, "expected sounds that are heard"


def test_random_weights_say_what_they_say_upstream(models: dict[str, Path]) -> None:
    """Nothing in them is laid out by hand."""
    whisper = upstream(models["random"])
    model = Model(models["random"], Device("cpu", "float32", 1))
    for seed in range(2):
        sound = speech(seed, 4)
        segments, _ = whisper.transcribe(sound, temperature=[0.0])
        first = next(iter(segments))
        (encoded,) = model.encode([Encode(model.features(sound))])
        prompt = model.prompt("en", (), "")
        (decoding,) = model.decode([Decode(encoded, prompt, "en", 5, Attempt())])
        assert decoding.text.startswith(first.text.strip())
        assert decoding.average == pytest.approx(first.avg_logprob)
        assert decoding.no_speech == pytest.approx(first.no_speech_prob)


def test_prompt_and_hotwords_are_told_as_upstream_tells_them(models: dict[str, Path]) -> None:
    engine = ours(models["all"], prompt=" Wo is it.", hotwords="quux, wob")
    pcm = pcm_of(speech(5, 9))
    hinted = plain(engine.transcribe(Sound(pcm, RATE), "en").words)
    options = {"initial_prompt": "Wo is it.", "hotwords": "quux, wob", "language": "en"}
    assert hinted == told_by(upstream(models["all"]), pcm, **options)
    assert hinted != told_by(upstream(models["all"]), pcm, language="en")


def test_no_prompt_is_too_long(models: dict[str, Path]) -> None:
    """Half of the decoder's room stays for the words."""
    engine = ours(models["all"], prompt="wo " * 400, hotwords="qu " * 400)
    assert engine.transcribe(Sound(pcm_of(speech(5, 3)), RATE), "en") is not None
    model = Model(models["all"], Device("cpu", "float32", 1))
    for hotwords, text in itertools.product(((), ["qu"] * 400), ("", "wo " * 400)):
        assert len(model.prompt("en", hotwords, text)) <= 448 // 2 + 4


TERMS = ("quux", "wob", "Dr. No", "qu wo", "is it")


@pytest.mark.parametrize("kind", ["english", "all", "v3"])
def test_a_vocabulary_that_fits_makes_the_tokens_of_upstream(
    models: dict[str, Path], kind: str
) -> None:
    whisper, model = upstream(models[kind]), Model(models[kind], Device("cpu", "float32", 1))
    tokenizer = model.tokenizer("en")
    for count, text in itertools.product(range(len(TERMS) + 1), ("", "so it is", " Wo. ")):
        before = tokenizer.encode(f" {text.strip()}") if text.strip() else []
        hotwords = ", ".join(TERMS[:count]) or None
        theirs = whisper.get_prompt(tokenizer, before, hotwords=hotwords)
        assert model.prompt("en", TERMS[:count], text) == theirs


def test_no_vocabulary_however_long_keeps_the_text_out(models: dict[str, Path]) -> None:
    model = Model(models["all"], Device("cpu", "float32", 1))
    tokenizer, many = model.tokenizer("en"), [f"qu{n} wob" for n in range(200)]
    end = len(tokenizer.sot_sequence)
    told = tokenizer.decode(model.prompt("en", many, "so it is")[1:-end])
    assert told.endswith(" so it is")
    kept = told.removesuffix(" so it is").strip().split(", ")
    assert 5 < len(kept) < 200
    assert kept == many[: len(kept)], "expected the first ones, each whole"
    long = tokenizer.encode(" " + "wo " * 399 + "wo")
    prompt = model.prompt("en", many, "wo " * 400)
    assert prompt[-end - 111 : -end] == long[-111:]
    assert tokenizer.decode(prompt[1:]).startswith(" qu0 wob, qu1 wob, ")


def test_each_sound_is_heard_with_its_own_vocabulary_alone(models: dict[str, Path]) -> None:
    """As upstream hears it with these hotwords; and the next one as if there had been none."""
    engine, whisper = ours(models["all"], thresholds=LENIENT), upstream(models["all"])
    pcm = pcm_of(speech(5, 9))
    plainly = plain(engine.transcribe(Sound(pcm, RATE), "en").words)
    told = engine.transcribe(Sound(pcm, RATE, Expected(("quux", "wob"))), "en")
    assert plain(told.words) == told_by(whisper, pcm, hotwords="quux, wob", language="en")
    assert plain(told.words) != plainly
    stream = engine.start_expecting(RATE, "en", None, Expected(("quux", "wob")))
    stream.accept(pcm)
    assert [w.text for w in stream.finish().words] != [text for text, _, _ in plainly]
    assert plain(engine.transcribe(Sound(pcm, RATE), "en").words) == plainly
    own = ours(models["all"], thresholds=LENIENT, hotwords="wob")
    both = own.transcribe(Sound(pcm, RATE, Expected(("quux",))), "en")
    assert plain(both.words) == plain(told.words)


def test_one_word_over_and_over_is_decoded_again(models: dict[str, Path]) -> None:
    pcm = pcm_of(drone(3, 12))
    heard = ours(models["english"]).transcribe(Sound(pcm, RATE), "en")
    looping = [text for text, _, _ in told_by(upstream(models["english"]), pcm)]
    assert len(set(looping)) <= 2, "expected a loop upstream"
    texts = heard.text.split()
    assert all(texts[at : at + 5] != [texts[at]] * 5 for at in range(len(texts)))
    assert "repetition" in heard.guarded


def test_silence_and_too_little_have_no_words(models: dict[str, Path]) -> None:
    engine = ours(models["all"])
    for pcm in (b"", bytes(2), bytes(RATE // 10), bytes(RATE * 2), bytes(2 * 70 * RATE)):
        assert engine.transcribe(Sound(pcm, RATE), "auto").words == ()


def test_int8_has_the_same_words_again_and_is_what_a_cpu_gets(models: dict[str, Path]) -> None:
    engine = WhisperEngine(str(models["english"]), device="cpu", threads=1)
    sound = Sound(pcm_of(speech(6, 20)), RATE)
    heard = engine.transcribe(sound, "en")
    engine.transcribe(Sound(pcm_of(speech(7, 5)), RATE), "en")
    assert engine.transcribe(sound, "en") == heard
    assert len(heard.words) > 20


def test_telephone_sound_is_heard_too_and_other_rates_are_refused(models: dict[str, Path]) -> None:
    engine = ours(models["english"])
    assert engine.transcribe(Sound(pcm_of(speech(13, 4)), 8_000), "en").words
    with pytest.raises(UnsupportedRate):
        engine.transcribe(Sound(bytes(8_000), 44_100), "en")
    with pytest.raises(UnsupportedRate):
        engine.start(44_100, "en", None)


@pytest.mark.slow
async def test_live_and_batch_in_hosts_hear_the_same(models: dict[str, Path]) -> None:
    name = f"whisper:{models['all']}"
    pcm = pcm_of(speech(11, 4))
    live, batch = await asyncio.gather(
        open_live(name, hosts=0, timeout_s=30), open_batch(name, hosts=0, timeout_s=30)
    )
    try:
        (whole,) = await batch.transcribe([Sound(pcm, RATE)], "en")
        stream = await live.start_stream(RATE, "en")
        partials = [await stream.accept(pcm[at : at + 6_400]) for at in range(0, len(pcm), 6_400)]
        last = await stream.finish()
        assert [word.text for word in last.words] == [word.text for word in whole.words]
        assert last.settled == len(whole.words) >= 2
        assert any(0 < partial.settled < len(partial.words) for partial in partials)
        assert partials[len(partials) // 2].words
        assert batch.parallel == 1, "on a CPU one recording after the other"
        (looping,) = await batch.transcribe([Sound(pcm_of(drone(3, 12)), RATE)], "en")
        acted = Counter([*whole.guarded, *looping.guarded])
        assert acted, "expected a guard to act"
        assert batch.guarded == acted  # type: ignore[attr-defined]
        assert guarded_by({"whisper": batch, "other": object()}) == {"whisper": acted}
        expected = Expected(("quux", "wob"))
        sounds = [Sound(pcm, RATE), Sound(pcm, RATE, expected), Sound(pcm, RATE)]
        first, told, last = await batch.transcribe(sounds, "en")
        assert first == last == whole
        assert told == ours(models["all"]).transcribe(sounds[1], "en") != whole
        stream = await live.start_stream(RATE, "en", None, expected)
        await stream.accept(pcm)
        assert [w.text for w in (await stream.finish()).words] != [w.text for w in last.words]
    finally:
        await asyncio.gather(live.aclose(), batch.aclose())


# --- languages ---------------------------------------------------------------------------


def test_a_model_says_which_languages_it_knows(models: dict[str, Path]) -> None:
    assert engine_info(f"whisper:{models['english']}").languages == ("en",)
    info = engine_info(f"whisper:{models['all']}")
    assert info.languages == ("de", "en", "fr", "hi", "jv", "jw")
    assert (info.name, info.model) == ("whisper", "reader")


def test_one_that_it_does_not_know_is_refused(models: dict[str, Path]) -> None:
    engine = ours(models["english"])
    with pytest.raises(BadParameter, match="does not know language de"):
        engine.start(RATE, "de", None)
    with pytest.raises(BadParameter, match="does not know language de"):
        ours(models["english"], languages=["de"])


@pytest.mark.slow
def test_a_channel_keeps_its_language_once_enough_was_said(models: dict[str, Path]) -> None:
    engine = ours(models["all"])

    def utterance(seed: int, seconds: float, adaptation: str | None) -> Any:
        stream = engine.start(RATE, "auto", adaptation)
        stream.accept(pcm_of(speech(seed, seconds)))
        return stream.finish()

    long = utterance(3, 6, None)
    locked = json.loads(long.adaptation)["locked"]
    assert locked
    others = [utterance(seed, 6, None) for seed in range(20)]
    other = next(o for o in others if json.loads(o.adaptation)["locked"] != locked)
    seed = others.index(other)
    assert json.loads(utterance(seed, 6, long.adaptation).adaptation)["locked"] == locked
    assert json.loads(utterance(seed, 1, None).adaptation)["locked"] == ""


def test_utterances_heard_again_keep_their_channels_language_too(models: dict[str, Path]) -> None:
    engine = ours(models["all"])
    sounds = [Sound(pcm_of(speech(seed, 6)), RATE) for seed in range(20)]
    first, *others = [engine.transcribe(sound, "auto") for sound in sounds]
    other = next(n for n, heard in enumerate(others, 1) if heard.language != first.language)
    again = replace(sounds[other], adaptation=first.adaptation)
    heard = engine.transcribe(again, "auto")
    assert heard.language == first.language
    assert heard.words == engine.transcribe(sounds[other], first.language).words


def test_auto_finds_none_but_those_that_may_be(models: dict[str, Path]) -> None:
    engine = ours(models["all"], languages=["de", "fr-CA"])
    for seed in range(6):
        heard = engine.transcribe(Sound(pcm_of(speech(seed, 6)), RATE), "auto")
        assert json.loads(heard.adaptation or "")["locked"] in {"de", "fr"}


def test_a_tenants_languages_go_before_the_engines_own(models: dict[str, Path]) -> None:
    engine = ours(models["all"], languages=["de"])
    found = set()
    for seed in range(6):
        sound = Sound(pcm_of(speech(seed, 6)), RATE, Expected((), ("en", "fr-CA", "ja")))
        heard = engine.transcribe(sound, "auto")
        assert heard.language == json.loads(heard.adaptation or "")["locked"]
        found.add(heard.language)
    assert found <= {"en", "fr"}
    unknown = Sound(sound.pcm, RATE, Expected((), ("ja",)))
    assert engine.transcribe(unknown, "auto").language == "de"
    assert engine.transcribe(unknown, "fr").language == ""


# --- what is missing ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["whisper", "whisper:/there/is/none"])
def test_a_model_that_was_not_named_or_is_not_there(name: str) -> None:
    with pytest.raises(SettingError, match="needs a model") as missing:
        engine_info(name)
    assert "whisper:/models/NAME" in missing.value.hint


@pytest.mark.parametrize("file", ["model.bin", "tokenizer.json", "vocabulary.json"])
def test_a_missing_file_is_not_looked_for_on_the_network(
    models: dict[str, Path], tmp_path: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*_: object) -> NoReturn:
        raise AssertionError("it went out to the network")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", connect)
    lacking = tmp_path / "lacking"
    shutil.copytree(models["english"], lacking)
    assert ours(lacking)
    (lacking / file).unlink()
    for attempt in (lambda: ours(lacking), lambda: engine_info(f"whisper:{lacking}")):
        with pytest.raises(SettingError, match=f"lacks {file}") as missing:
            attempt()
        assert "twicetold models pull NAME" in missing.value.hint
        command = f"hf download Systran/faster-whisper-NAME --local-dir {lacking}"
        assert command in missing.value.hint


def test_the_older_vocabulary_file_will_do(models: dict[str, Path], tmp_path: Path) -> None:
    for kind, known in (("english", 1), ("all", 6)):
        older = tmp_path / kind
        shutil.copytree(models[kind], older)
        tokens = json.loads((older / "vocabulary.json").read_text())
        (older / "vocabulary.json").unlink()
        (older / "vocabulary.txt").write_text("".join(f"{token}\n" for token in tokens))
        engine = ours(older)
        assert len(engine.info.languages) == known
        assert engine.transcribe(Sound(pcm_of(speech(3, 4)), RATE), "en").words


async def test_without_its_package_it_says_what_to_install(
    models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(Exception, match="needs the package faster-whisper") as missing:
        ours(models["english"])
    assert getattr(missing.value, "hint", "") == "pip install 'twicetold[whisper]'"


@pytest.mark.parametrize("damage", ["model.bin", "tokenizer.json", "vocabulary.json"])
async def test_a_model_that_is_damaged_ends_the_start_in_words(
    models: dict[str, Path], tmp_path: Path, damage: str
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(models["english"], broken)
    (broken / damage).write_bytes(b'{"nothing": "of use"}')
    with pytest.raises((EngineFailed, SettingError)) as failed:
        await open_batch(f"whisper:{broken}", hosts=0, timeout_s=30)
    assert str(broken) in failed.value.message
    assert failed.value.hint


def test_another_number_of_mel_bands_is_told_at_the_start(
    models: dict[str, Path], tmp_path: Path
) -> None:
    broken = tmp_path / "v3"
    shutil.copytree(models["v3"], broken)
    (broken / "preprocessor_config.json").unlink()
    with pytest.raises(EngineFailed, match="takes 128 mel bands"):
        ours(broken)


def test_a_device_or_numbers_that_the_machine_has_not(models: dict[str, Path]) -> None:
    with pytest.raises(SettingError, match="cannot run as float17"):
        WhisperEngine(str(models["english"]), device="cpu", compute="float17")
    with pytest.raises(SettingError, match="on abacus"):
        WhisperEngine(str(models["english"]), device="abacus")


@pytest.mark.parametrize("tick_s", [-1.0, 8.0, float("nan"), float("inf")])
def test_a_tick_that_no_window_can_have_ends_the_start(
    models: dict[str, Path], tick_s: float
) -> None:
    with pytest.raises(SettingError, match="tick_s"):
        WhisperEngine(str(models["english"]), tick_s=tick_s)
