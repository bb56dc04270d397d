"""Engine moonshine on small models with random weights: what the package's own transcriber makes of
a sound that it is given at once is what ours has to make of its pieces."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soxr
from moonshine_voice.moonshine_api import ModelArch
from moonshine_voice.transcriber import Transcriber
from tests.models.moonshine import BLOCK, Shape, make_model
from tests.models.whisper import pcm_of, speech

from twicetold.engines import Sound
from twicetold.engines.models.catalogue import in_catalogue
from twicetold.engines.moonshine.engine import LiveStream, MoonshineEngine
from twicetold.engines.registry import engine_info, open_batch, open_live
from twicetold.errors import EngineFailed, SettingError, UnsupportedRate
from twicetold.speech.transcript import Hypothesis

pytestmark = pytest.mark.integration

RATE = 16_000
WORD_S = BLOCK * 0.02  # how long each word of such a model is
SHAPES = {
    "tiny-streaming-en": Shape(),
    "small-streaming-de": Shape(lookahead=12, seed=4),
    "without-times": Shape(attention=False, split=False),
}
TIMED = list(SHAPES)[:2]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("models")
    return {name: make_model(directory / name, shape) for name, shape in SHAPES.items()}


@pytest.fixture(scope="module")
def tiny(models: dict[str, Path]) -> MoonshineEngine:
    return MoonshineEngine(str(models["tiny-streaming-en"]))


def oracle(directory: Path) -> Transcriber:
    return Transcriber(directory, ModelArch.TINY_STREAMING, options={"vad_threshold": "0"})


def upstream(transcriber: Transcriber, pcm: bytes, rate: int = RATE) -> str:
    """The text of a whole sound, with as much silence behind it as all of it needs."""
    sound = np.frombuffer(pcm, "<i2").astype(np.float32) / 32_768
    if rate != RATE:
        sound = soxr.resample(sound, rate, RATE)
    padded = np.concatenate([sound, np.zeros(RATE // 2, np.float32)])
    lines = transcriber.transcribe_without_streaming(padded.tolist(), RATE).lines
    return " ".join(line.text for line in lines)


def hear(
    stream: LiveStream, pcm: bytes, draw: random.Random
) -> tuple[list[Hypothesis], Hypothesis]:
    """In pieces cut anywhere."""
    partials, at = [], 0
    while at < len(pcm):
        size = 2 * draw.randint(1, 6_000)
        partials.append(stream.accept(pcm[at : at + size]))
        at += size
    return partials, stream.finish()


@pytest.mark.parametrize("name", list(SHAPES))
@pytest.mark.parametrize("rate", [8_000, RATE])
@pytest.mark.slow
def test_in_pieces_it_hears_what_the_package_hears_at_once(
    models: dict[str, Path], name: str, rate: int
) -> None:
    engine, transcriber = MoonshineEngine(str(models[name])), oracle(models[name])
    draw, words = random.Random(1), 0
    for seed in range(8):
        pcm = pcm_of(speech(seed, 1 + 0.83 * seed))
        partials, heard = hear(engine.start(rate, "auto", None), pcm, draw)
        assert upstream(transcriber, pcm, rate).startswith(heard.text)
        at_once = engine.transcribe(Sound(pcm, rate), "auto")
        assert at_once.text == heard.text
        for partial in partials:
            assert heard.text.startswith(partial.text)
        expected = int(len(pcm) / 2 / rate / WORD_S)
        assert len(heard.words) in (expected, expected + 1), "of the last words some are lost"
        words += len(heard.words)
    assert words > 50, "expected sounds that are heard"


@pytest.mark.parametrize("name", TIMED)
def test_words_have_the_times_at_which_they_were_said(models: dict[str, Path], name: str) -> None:
    engine = MoonshineEngine(str(models[name]))
    pcm = pcm_of(speech(3, 7.3))
    partials, heard = hear(engine.start(RATE, "auto", None), pcm, random.Random(2))
    at_once = engine.transcribe(Sound(pcm, RATE), "auto")
    for told in (*partials[5:], heard, at_once):
        starts = [word.start for word in told.words]
        assert starts == pytest.approx([WORD_S * number for number in range(len(starts))], abs=0.02)
        assert all(0 < (word.probability or 0) <= 1 for word in told.words)
    assert heard.words[-1].end <= 7.3


def test_without_the_decoder_that_tells_times_words_share_the_sound(
    models: dict[str, Path],
) -> None:
    name = f"moonshine:{models['without-times']}"
    assert not engine_info(name).word_times
    assert engine_info(f"moonshine:{models['tiny-streaming-en']}").word_times
    heard = MoonshineEngine(str(models["without-times"])).transcribe(
        Sound(pcm_of(speech(3, 4)), RATE), "en"
    )
    assert len(heard.words) >= 10
    assert heard.words[-1].end == pytest.approx(4.0)
    assert all(word.probability is None for word in heard.words)


def test_the_words_of_one_call_do_not_depend_on_its_neighbours(tmp_path: Path) -> None:
    """Nor on pieces, though a frame is encoded by what is given with it."""
    engine = MoonshineEngine(str(make_model(tmp_path / "m", Shape(swayed=True))))
    sounds = [pcm_of(speech(seed, 3 + seed % 3)) for seed in range(8)]
    alone = [hear(engine.start(RATE, "en", None), pcm, random.Random(3))[1] for pcm in sounds]
    streams = [engine.start(RATE, "en", None) for _ in sounds]
    for at in range(0, 2 * 5 * RATE, 6_400):
        for stream, pcm in zip(streams, sounds, strict=True):
            stream.accept(pcm[at : at + 6_400])
    assert [stream.finish() for stream in streams] == alone
    assert len({heard.text for heard in alone}) == len(sounds)


def test_a_transcriber_is_taken_again(tiny: MoonshineEngine) -> None:
    loads = []
    real = tiny.model._loaded
    tiny.model._loaded = lambda: loads.append(1) or real()  # type: ignore[method-assign,func-returns-value]
    for _ in range(3):
        first, second = tiny.start(RATE, "en", None), tiny.start(RATE, "en", None)
        first.accept(bytes(32_000))
        first.close()
        first.close()
        second.finish()
    assert len(loads) <= 1


def test_a_line_that_is_too_long_is_cut_and_its_words_settle(models: dict[str, Path]) -> None:
    """At most 256 tokens are told of a line, whatever is said in it."""
    engine = MoonshineEngine(str(models["tiny-streaming-en"]), tokens_per_s=31)
    assert engine.model.line_s == pytest.approx(8.0, abs=0.02)
    pauses = np.concatenate([np.concatenate([speech(n, 4), np.zeros(6_400)]) for n in range(6)])
    pcm = pcm_of(pauses.astype(np.float32))
    stream, before = engine.start(RATE, "en", None), Hypothesis()
    for at in range(0, len(pcm), 6_400):
        heard = stream.accept(pcm[at : at + 6_400])
        assert heard.words[: before.settled] == before.words[: before.settled]
        assert heard.settled >= before.settled
        assert len(stream._heard) * 640 <= 9 * RATE  # what is kept is the line alone
        before = heard
    last = stream.finish()
    assert last.words[: before.settled] == before.words[: before.settled]
    assert before.settled > 30
    whole = engine.transcribe(Sound(pcm, RATE), "en")
    assert 55 <= len(last.words) <= 66
    assert 55 <= len(whole.words) <= 66
    assert last.words[-1].start == pytest.approx(25.6, abs=0.5)
    loud = [(4.4 * n - 0.4, 4.4 * n + 4.4) for n in range(6)]
    assert all(any(a <= w.start <= b for a, b in loud) for w in last.words)


@pytest.mark.parametrize("seconds", [7.9, 8.1, 8.5, 8.9, 9.3])
def test_an_utterance_that_ends_as_its_line_grows_too_long_keeps_its_last_words(
    models: dict[str, Path], seconds: float
) -> None:
    """Its rest makes the line too long, so it is cut after the last message."""
    engine = MoonshineEngine(str(models["tiny-streaming-en"]), tokens_per_s=31)
    stream, pcm = engine.start(RATE, "en", None), pcm_of(speech(1, seconds))
    for at in range(0, len(pcm), 6_400):
        stream.accept(pcm[at : at + 6_400])
    heard = stream.finish()
    assert abs(len(heard.words) - seconds / WORD_S) < 2.5
    assert heard.words[-1].end > seconds - 0.5


def test_nothing_is_heard_in_nothing_and_other_rates_are_refused(tiny: MoonshineEngine) -> None:
    assert tiny.transcribe(Sound(b"", 8_000), "en").words == ()
    assert tiny.transcribe(Sound(bytes(60 * RATE), RATE), "en").words == ()
    stream = tiny.start(RATE, "en", None)
    for _ in range(100):
        assert stream.accept(bytes(16_000)).words == ()
    assert stream.finish().words == ()
    with pytest.raises(UnsupportedRate):
        tiny.start(44_100, "en", None)
    with pytest.raises(EngineFailed):
        stream.accept(bytes(32_000))


async def test_in_hosts_live_and_recordings(models: dict[str, Path]) -> None:
    name = f"moonshine:{models['tiny-streaming-en']}"
    info = engine_info(name)
    assert (info.label, info.live, info.batch) == ("moonshine:tiny-streaming-en", True, True)
    sounds = [pcm_of(speech(seed, 3)) for seed in range(6)]
    live = await open_live(name, hosts=1, timeout_s=30)

    async def listen(pcm: bytes) -> str:
        stream = await live.start_stream(RATE, "auto")
        for at in range(0, len(pcm), 6_400):
            await stream.accept(pcm[at : at + 6_400])
        return (await stream.finish()).text

    try:
        heard = await asyncio.gather(*(listen(pcm) for pcm in sounds))
    finally:
        await live.aclose()
    batch = await open_batch(f"{name}?threads=1", hosts=1, timeout_s=30)
    try:
        told = await batch.transcribe([Sound(pcm, RATE) for pcm in sounds], "en")
    finally:
        await batch.aclose()
    assert heard == [each.text for each in told]
    assert all(len(text.split()) >= 7 for text in heard)


def test_it_runs_on_one_thread_unless_asked(models: dict[str, Path]) -> None:
    """The package's library reads a variable, so each is tried in a process of its own."""
    counts = {}
    for threads in (1, 2):
        program = (
            "import os, sys\n"
            "from twicetold.engines import Sound\n"
            "from twicetold.engines.moonshine.engine import MoonshineEngine\n"
            f"engine = MoonshineEngine(sys.argv[1], threads={threads})\n"
            "before = len(os.listdir('/proc/self/task'))\n"
            "engine.model.give_back(engine.model._loaded())\n"
            "print(len(os.listdir('/proc/self/task')) - before)\n"
        )
        counts[threads] = _run(program, str(models["tiny-streaming-en"]))
    assert counts[1] == 0
    assert (os.cpu_count() or 1) == 1 or counts[2] > 0


def _run(program: str, argument: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", program, argument], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


# --- which files, and what is missing --------------------------------------------------


def test_the_languages_are_those_of_the_published_name(
    models: dict[str, Path], tmp_path: Path
) -> None:
    below = tmp_path / "small-streaming-ja" / "quantized_26_08_23"
    shutil.copytree(models["tiny-streaming-en"], below)
    info = engine_info(f"moonshine:{below}")
    assert (info.label, info.languages) == ("moonshine:small-streaming-ja", ("ja",))
    assert engine_info(f"moonshine:{models['without-times']}").languages == ("*",)
    assert MoonshineEngine(str(below)).model.line_s < 20  # twice the tokens in a second


def test_a_model_of_the_cache_lies_in_a_folder_of_the_hubs(
    models: dict[str, Path], tmp_path: Path
) -> None:
    model = in_catalogue("moonshine", "tiny-streaming-en")
    assert model is not None
    for file in model.files:
        place = tmp_path / "tiny-streaming-en" / file
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(models["tiny-streaming-en"] / place.name, place)
    sound = Sound(pcm_of(speech(3, 3)), RATE)
    heard = MoonshineEngine(str(tmp_path / "tiny-streaming-en")).transcribe(sound, "en")
    assert len(heard.words) >= 7


def test_a_name_that_is_not_here_is_said_with_the_command_that_gets_it(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="needs the model small-streaming-en") as missing:
        engine_info("moonshine:small-streaming-en", tmp_path)
    assert missing.value.hint == "twicetold models pull small-streaming-en"


@pytest.mark.parametrize("missing", ["cross_kv.ort", "frontend.weights.ort", "tokenizer.bin"])
def test_a_file_that_is_missing_is_named(
    models: dict[str, Path], tmp_path: Path, missing: str
) -> None:
    shutil.copytree(models["tiny-streaming-en"], tmp_path / "m")
    (tmp_path / "m" / missing).unlink()
    with pytest.raises(SettingError, match=missing) as error:
        engine_info(f"moonshine:{tmp_path / 'm'}")
    assert "twicetold models pull" in error.value.hint


@pytest.mark.parametrize("content", [b"", b"junk" * 9, b"\x18\0\0\0ORTM" + bytes(64), "half"])
@pytest.mark.parametrize("damaged", ["decoder_kv_with_attention.ort", "encoder.ort"])
async def test_a_damaged_model_ends_the_start_in_words(
    models: dict[str, Path], tmp_path: Path, damaged: str, content: bytes | str
) -> None:
    """The package goes on without a word where it cannot load the decoder that tells times."""
    model = tmp_path / "m"
    shutil.copytree(models["tiny-streaming-en"], model)
    whole = (model / damaged).read_bytes()
    assert whole[4:8] == b"ORTM"
    cut = whole[: len(whole) // 2]
    (model / damaged).write_bytes(content if isinstance(content, bytes) else cut)
    with pytest.raises(EngineFailed) as failed:
        await open_live(f"moonshine:{model}", hosts=1, timeout_s=30)
    assert str(model) in failed.value.message


@pytest.mark.parametrize("content", ["", "[]", '{"depth": 1}'])
def test_a_strange_configuration_is_said(
    models: dict[str, Path], tmp_path: Path, content: str
) -> None:
    shutil.copytree(models["tiny-streaming-en"], tmp_path / "m")
    (tmp_path / "m" / "streaming_config.json").write_text(content)
    with pytest.raises(EngineFailed, match="no configuration"):
        engine_info(f"moonshine:{tmp_path / 'm'}")


def test_without_its_package_it_says_what_to_install(
    models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("moonshine_voice", "moonshine_voice.moonshine_api"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(Exception, match="needs the package moonshine-voice") as missing:
        MoonshineEngine(str(models["tiny-streaming-en"]))
    assert getattr(missing.value, "hint", "") == "pip install 'twicetold[moonshine]'"
