"""Engine sherpa on small models with random weights: what the package's own recognizer makes of a
sound that it is given at once is what ours has to make of its pieces."""

from __future__ import annotations

import asyncio
import random
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import sherpa_onnx
import soxr
from tests.models.sherpa import Shape, make_model
from tests.models.whisper import pcm_of, speech

from twicetold.engines import Sound
from twicetold.engines.registry import engine_info, open_batch, open_live
from twicetold.engines.sherpa.engine import LiveStream, SherpaEngine
from twicetold.engines.sherpa.files import files_of
from twicetold.errors import EngineFailed, SettingError, UnsupportedRate

pytestmark = pytest.mark.integration

RATE = 16_000
SHAPES = {"chunk-32": Shape(), "chunk-64": Shape(chunk=64, window=77), "alone": Shape(batch=1)}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("models")
    return {name: make_model(directory / name, shape) for name, shape in SHAPES.items()}


def oracle(directory: Path) -> sherpa_onnx.OnlineRecognizer:
    parts = {name: str(directory / f"{name}.onnx") for name in ("encoder", "decoder", "joiner")}
    tokens = str(directory / "tokens.txt")
    return sherpa_onnx.OnlineRecognizer.from_transducer(tokens=tokens, num_threads=1, **parts)


def upstream(recognizer: sherpa_onnx.OnlineRecognizer, pcm: bytes, rate: int = RATE) -> list[str]:
    """The words of a whole sound, with two seconds of silence behind it."""
    return str(told_at_once(recognizer, pcm, rate).text).split()


def told_at_once(recognizer: sherpa_onnx.OnlineRecognizer, pcm: bytes, rate: int = RATE) -> Any:
    sound = np.frombuffer(pcm, "<i2").astype(np.float32) / 32_768
    if rate != RATE:
        sound = soxr.resample(sound, rate, RATE)
    stream = recognizer.create_stream()
    stream.accept_waveform(RATE, np.concatenate([sound, np.zeros(2 * RATE, np.float32)]))
    stream.input_finished()
    while recognizer.is_ready(stream):
        recognizer.decode_stream(stream)
    return recognizer.get_result_all(stream)


def pieces(pcm: bytes, draw: random.Random) -> list[bytes]:
    """The whole, cut anywhere."""
    found, at = [], 0
    while at < len(pcm):
        size = 2 * draw.randint(1, 6_000)
        found.append(pcm[at : at + size])
        at += size
    return found


@pytest.mark.parametrize("kind", list(SHAPES))
@pytest.mark.parametrize("rate", [8_000, RATE])
@pytest.mark.slow
def test_in_pieces_it_hears_what_the_package_hears_at_once(
    models: dict[str, Path], kind: str, rate: int
) -> None:
    engine, recognizer, draw = (
        SherpaEngine(str(models[kind])),
        oracle(models[kind]),
        random.Random(1),
    )
    words = 0
    for seed in range(8):
        pcm = pcm_of(speech(seed, 1 + 0.83 * seed))
        stream = engine.start(rate, "en", None)
        partials = [stream.accept(piece) for piece in pieces(pcm, draw)]
        heard = stream.finish()
        assert heard.text.split() == upstream(recognizer, pcm, rate)
        assert engine.transcribe(Sound(pcm, rate), "en") == heard
        assert len(partials[-1].words) <= len(heard.words)
        words += len(heard.words)
    assert words > 50, "expected sounds that are heard"


def test_times_are_those_of_the_package_and_inside_the_sound(models: dict[str, Path]) -> None:
    engine, recognizer = SherpaEngine(str(models["chunk-32"])), oracle(models["chunk-32"])
    pcm = pcm_of(speech(3, 6))
    heard = engine.transcribe(Sound(pcm, RATE), "en")
    stream = recognizer.create_stream()
    stream.accept_waveform(RATE, np.frombuffer(pcm, "<i2").astype(np.float32) / 32_768)
    while recognizer.is_ready(stream):
        recognizer.decode_stream(stream)
    told = recognizer.get_result_all(stream)
    begins = [
        start
        for number, (start, token) in enumerate(zip(told.timestamps, told.tokens, strict=True))
        if token.startswith(" ") or number == 0
    ]
    assert len(begins) > 5
    assert [word.start for word in heard.words][: len(begins)] == pytest.approx(begins)
    assert all(word.end <= 6.0 for word in heard.words)


def test_the_last_words_are_told_whatever_the_length(models: dict[str, Path]) -> None:
    """A sound that ends anywhere in a window: what is said in its last 0.1 s is not lost."""
    engine, recognizer = SherpaEngine(str(models["chunk-64"])), oracle(models["chunk-64"])
    whole = pcm_of(speech(5, 3))
    for end in range(RATE, 2 * RATE, 1_234):
        pcm = whole[: 2 * end]
        told = told_at_once(recognizer, pcm)
        count = sum(start <= end / RATE for start in told.timestamps)  # behind it weights babble on
        heard = engine.transcribe(Sound(pcm, RATE), "en").text.replace(" ", "")
        assert heard.startswith("".join(told.tokens[:count]).replace(" ", ""))
        assert count > 10


def test_streams_that_are_due_are_decoded_together(models: dict[str, Path]) -> None:
    engine = SherpaEngine(str(models["chunk-32"]), together=4)
    assert engine.together == 4
    sounds = [pcm_of(speech(seed, 2 + seed % 3)) for seed in range(7)]
    joint = [engine.start(RATE, "en", None) for _ in sounds]
    draw = random.Random(2)
    cut = [pieces(pcm, draw) for pcm in sounds]
    for turn in range(max(len(each) for each in cut)):
        due = [
            s for s, each in zip(joint, cut, strict=True) if turn < len(each) and s.hear(each[turn])
        ]
        engine.decode(due)
    engine.decode([stream for stream in joint if stream.end()])
    alone = [engine.transcribe(Sound(pcm, RATE), "en") for pcm in sounds]
    assert [s.heard.text for s in joint] == [heard.text for heard in alone]
    assert len({heard.text for heard in alone}) == len(sounds)


def test_what_cannot_be_decoded_together_is_decoded_by_itself(
    models: dict[str, Path], tmp_path: Path
) -> None:
    assert SherpaEngine(str(models["alone"])).together == 1
    assert SherpaEngine(str(make_model(tmp_path / "small", suffix=".int8"))).together == 1
    engine = SherpaEngine(str(models["alone"]))
    streams: list[LiveStream] = [engine.start(RATE, "en", None) for _ in range(3)]
    for stream in streams:
        stream.hear(pcm_of(speech(3, 3)))
    engine.decode(streams)
    assert streams[0].heard.words
    assert streams[0].heard == streams[1].heard == streams[2].heard


async def test_live_in_hosts_and_no_recordings(models: dict[str, Path]) -> None:
    name = f"sherpa:{models['chunk-32']}"
    info = engine_info(name)
    assert (info.label, info.live, info.batch) == ("sherpa:chunk-32", True, False)
    sounds = [pcm_of(speech(seed, 3)) for seed in range(5)]
    live = await open_live(f"{name}?together=2&threads=1", hosts=2, timeout_s=30)

    async def hear(pcm: bytes) -> str:
        stream = await live.start_stream(RATE, "auto")
        for at in range(0, len(pcm), 6_400):
            await stream.accept(pcm[at : at + 6_400])
        return (await stream.finish()).text

    try:
        heard = await asyncio.gather(*(hear(pcm) for pcm in sounds))
    finally:
        await live.aclose()
    recognizer = oracle(models["chunk-32"])
    assert [text.split() for text in heard] == [upstream(recognizer, pcm) for pcm in sounds]
    with pytest.raises(SettingError, match="does not transcribe recordings"):
        await open_batch(name, hosts=1, timeout_s=1)


def test_nothing_is_heard_in_nothing_and_other_rates_are_refused(models: dict[str, Path]) -> None:
    engine = SherpaEngine(str(models["chunk-32"]))
    assert engine.transcribe(Sound(b"", 8_000), "en").words == ()
    assert engine.transcribe(Sound(bytes(2 * RATE), RATE), "en").words == ()
    with pytest.raises(UnsupportedRate):
        engine.start(44_100, "en", None)


def test_a_model_of_capitals_alone_is_written_in_small_letters(
    models: dict[str, Path], tmp_path: Path
) -> None:
    loud = SherpaEngine(str(make_model(tmp_path / "loud", Shape(small_letters=False))))
    sound = Sound(pcm_of(speech(3, 4)), RATE)
    heard = loud.transcribe(sound, "en")
    assert heard.words
    assert heard == SherpaEngine(str(models["chunk-32"])).transcribe(sound, "en")


# --- which files, and what is missing --------------------------------------------------


def test_of_several_exports_the_last_and_of_both_precisions_the_whole_one(tmp_path: Path) -> None:
    (tmp_path / "tokens.txt").touch()
    for left in (64, 128):
        for part in ("encoder", "decoder", "joiner"):
            (tmp_path / f"{part}-epoch-99-avg-1-chunk-16-left-{left}.int8.onnx").touch()
    found = files_of(tmp_path)
    assert found.quantized
    assert {
        path.name.partition("-")[2] for path in (found.encoder, found.decoder, found.joiner)
    } == {"epoch-99-avg-1-chunk-16-left-128.int8.onnx"}
    for part in ("encoder", "decoder", "joiner"):
        (tmp_path / f"{part}-epoch-99-avg-1-chunk-16-left-128.onnx").touch()
    assert not files_of(tmp_path).quantized
    (tmp_path / "encoder-epoch-99-avg-1-chunk-16-left-128.onnx").unlink()
    assert files_of(tmp_path).quantized


@pytest.mark.parametrize("missing", ["joiner.onnx", "tokens.txt"])
def test_a_file_that_is_missing_is_named(
    models: dict[str, Path], tmp_path: Path, missing: str
) -> None:
    shutil.copytree(models["chunk-32"], tmp_path / "m")
    (tmp_path / "m" / missing).unlink()
    with pytest.raises(SettingError, match=missing.partition(".")[0]) as error:
        engine_info(f"sherpa:{tmp_path / 'm'}")
    assert "twicetold models pull" in error.value.hint


@pytest.mark.parametrize("damaged", ["encoder.onnx", "joiner.onnx", "tokens.txt", "metadata"])
async def test_a_damaged_model_ends_the_start_in_words(
    models: dict[str, Path], tmp_path: Path, damaged: str
) -> None:
    model = tmp_path / "m"
    shutil.copytree(models["chunk-32"], model)
    if damaged == "metadata":
        graph = onnx.load(model / "encoder.onnx")
        del graph.metadata_props[:]
        onnx.save(graph, model / "encoder.onnx")
    else:
        (model / damaged).write_bytes(b"model_type\n")
    with pytest.raises(EngineFailed) as failed:
        await open_live(f"sherpa:{model}", hosts=1, timeout_s=30)
    assert str(model) in failed.value.message


def test_without_its_package_it_says_what_to_install(
    models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sherpa_onnx", None)
    with pytest.raises(Exception, match="needs the package sherpa-onnx") as missing:
        SherpaEngine(str(models["chunk-32"]))
    assert getattr(missing.value, "hint", "") == "pip install 'twicetold[sherpa]'"
