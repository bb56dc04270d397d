"""Engine parakeet on small models with random weights: what the upstream library makes of the same
frames and the same windows is what ours has to make of them."""

from __future__ import annotations

import asyncio
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx_asr
import onnxruntime
import pytest
from tests.models.fastconformer import EncoderShape, save_encoder
from tests.models.parakeet import Shape, make_ctc, make_model

from twicetold.engines import Sound
from twicetold.engines.parakeet.board import Floats
from twicetold.engines.parakeet.engine import ParakeetEngine
from twicetold.engines.parakeet.model import Model
from twicetold.engines.parakeet.transducer import Emitted
from twicetold.engines.parakeet.windows import WindowPlan, Windows
from twicetold.engines.registry import engine_info, open_batch, open_live
from twicetold.errors import EngineFailed, SettingError, UnsupportedRate

pytestmark = pytest.mark.integration

RATE = 16_000
TDT, RNNT = Shape(seed=3), Shape(seed=5, durations=0, blank_bias=2.5)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("models")
    conformer = make_model(directory / "conformer-tdt", Shape(seed=3, encoder=32))
    save_encoder(
        conformer / "encoder-model.onnx", EncoderShape(blocks=2, width=32, heads=2, channels=8)
    )
    return {
        "conformer": conformer,
        "ctc": make_ctc(directory / "small-ctc", Shape(seed=4, blank_bias=2.0, features=80)),
        "tdt": make_model(directory / "small-tdt", TDT),
        "rnnt": make_model(directory / "small-rnnt", RNNT),
    }


def sound(seed: int, seconds: float) -> Floats:
    """Noise whose loudness and colour change each quarter of a second."""
    draw = np.random.default_rng(seed)
    pieces = []
    for _ in range(int(4 * seconds)):
        noise = draw.normal(0, 0.02 + 0.3 * draw.random(), RATE // 4)
        pieces.append(np.convolve(noise, draw.normal(0, 0.5, 9), "same"))
    return np.concatenate(pieces).clip(-1, 1).astype(np.float32)


def oracle(directory: Path) -> Any:
    kind = f"nemo-conformer-{directory.name.rpartition('-')[2]}"
    alone = onnxruntime.SessionOptions()  # several threads add in another order
    alone.intra_op_num_threads = 1
    return onnx_asr.load_model(kind, directory, sess_options=alone).asr


def upstream(asr: Any, frames: Floats) -> tuple[list[int], list[int]]:
    ((tokens, starts, _),) = asr._decoding(frames[None], np.array([len(frames)]))
    return list(map(int, tokens)), list(map(int, starts))


def ours(emitted: list[Emitted]) -> tuple[list[int], list[int]]:
    return [each.token for each in emitted], [each.frame for each in emitted]


@pytest.mark.parametrize("kind", ["tdt", "rnnt", "ctc"])
@pytest.mark.slow
def test_on_the_same_frames_the_same_tokens_however_they_are_split_and_batched(
    models: dict[str, Path], kind: str
) -> None:
    """200 random sounds (of TDT; 40 of the others), 8 at once, each split anywhere."""
    batches = 25 if kind == "tdt" else 5
    model, asr = Model(models[kind], quantization=None, threads=1), oracle(models[kind])
    draw, tokens = random.Random(1), 0
    for batch in range(batches):
        heard = [model.encode([sound(100 * batch + n, draw.uniform(1, 8))])[0] for n in range(8)]
        states = [model.greedy.start() for _ in heard]
        found: list[list[Emitted]] = [[] for _ in heard]
        at = [0] * len(heard)
        while any(begin < len(frames) for begin, frames in zip(at, heard, strict=True)):
            ends = [begin + draw.randint(0, 40) for begin in at]
            some = [f[a:b] for f, a, b in zip(heard, at, ends, strict=True)]
            for n, (emitted, state) in enumerate(
                model.greedy.decode(list(zip(some, states, strict=True)))
            ):
                found[n] += emitted
                states[n] = state
            at = [min(end, len(frames)) for end, frames in zip(ends, heard, strict=True)]
        for frames, emitted in zip(heard, found, strict=True):
            assert ours(emitted) == upstream(asr, frames)
            tokens += len(emitted)
    assert tokens > 80 * batches, "expected sounds that are heard"


@pytest.mark.parametrize("kind", ["tdt", "conformer", "ctc"])
def test_each_window_of_a_recording_is_encoded_as_upstream_does(
    models: dict[str, Path], kind: str
) -> None:
    model, asr = Model(models[kind], quantization=None, threads=1), oracle(models[kind])
    whole, windows = sound(7, 20), Windows(WindowPlan.of_seconds(2, 4, 1))
    for window in [*windows.hear(whole), *windows.finish()]:
        features, lengths = asr._preprocessor(window.sound[None], np.array([len(window.sound)]))
        frames, frame_lengths = asr._encode(features, lengths)
        (mine,) = model.encode([window.sound])
        assert np.array_equal(mine, frames[0, : frame_lengths[0]])


@pytest.mark.parametrize("kind", ["tdt", "ctc"])
@pytest.mark.slow
def test_what_fits_one_window_is_what_upstream_makes_of_it_at_once(
    models: dict[str, Path], kind: str
) -> None:
    engine = ParakeetEngine(str(models[kind]), threads=1)
    told = onnx_asr.load_model(f"nemo-conformer-{kind}", models[kind]).with_timestamps()
    for seed in range(20):
        pcm = (sound(seed, 6) * 32_767).astype("<i2").tobytes()
        heard = engine.transcribe(Sound(pcm, RATE), "en")
        upstream_s = told.recognize(np.frombuffer(pcm, "<i2").astype(np.float32) / 32_768)
        assert heard.text.split() == upstream_s.text.split()
        begins = [
            start
            for start, token in zip(upstream_s.timestamps, upstream_s.tokens, strict=True)
            if token.startswith(" ")
        ]
        assert [word.start for word in heard.words][-len(begins) :] == pytest.approx(begins)
        for word, following in zip(heard.words, heard.words[1:], strict=False):
            assert word.start < word.end
            assert word.start <= following.start


async def test_live_and_batch_in_hosts_hear_the_same(models: dict[str, Path]) -> None:
    name = f"parakeet:{models['tdt']}"
    assert engine_info(name).model == "small-tdt"
    pcm = (sound(11, 4) * 32_767).astype("<i2").tobytes()
    live = await open_live(name, hosts=0, timeout_s=30)
    batch = await open_batch(name, hosts=0, timeout_s=30)
    try:
        (whole,) = await batch.transcribe([Sound(pcm, RATE)], "auto")
        stream = await live.start_stream(RATE, "auto")
        partials = [await stream.accept(pcm[at : at + 6_400]) for at in range(0, len(pcm), 6_400)]
        assert await stream.finish() == whole
        assert len(whole.words) >= 2
        assert partials[len(partials) // 2].words
    finally:
        await asyncio.gather(live.aclose(), batch.aclose())


def test_telephone_sound_is_heard_too_and_other_rates_are_refused(
    models: dict[str, Path],
) -> None:
    engine = ParakeetEngine(str(models["tdt"]), threads=1)
    pcm = (sound(13, 4) * 32_767).astype("<i2").tobytes()
    assert engine.transcribe(Sound(pcm, 8_000), "en").words
    assert engine.transcribe(Sound(b"", 8_000), "en").words == ()
    with pytest.raises(UnsupportedRate):
        engine.transcribe(Sound(pcm, 44_100), "en")


# --- what is missing -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["parakeet", "parakeet:/there/is/none"])
def test_a_model_that_was_not_named_or_is_not_there(name: str) -> None:
    with pytest.raises(SettingError, match="needs a model") as missing:
        engine_info(name)
    assert "parakeet:/models/NAME" in missing.value.hint


def test_an_engine_with_a_model_of_its_own_takes_none() -> None:
    with pytest.raises(SettingError, match="brings its own model"):
        engine_info("pocketsphinx:/models/other")


async def test_without_its_package_it_says_what_to_install(
    models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx_asr", None)
    with pytest.raises(Exception, match="needs the package onnx-asr") as missing:
        ParakeetEngine(str(models["tdt"]))
    assert getattr(missing.value, "hint", "") == "pip install 'twicetold[parakeet]'"


@pytest.mark.parametrize("damage", ["encoder-model.onnx", "vocab.txt", "config.json"])
async def test_a_model_that_is_damaged_ends_the_start_in_words(
    models: dict[str, Path], tmp_path: Path, damage: str
) -> None:
    broken = tmp_path / "broken-tdt"
    shutil.copytree(models["tdt"], broken)
    (broken / damage).write_bytes(b'{"model_type": "whisper"}')
    with pytest.raises(EngineFailed) as failed:
        await open_batch(f"parakeet:{broken}", hosts=0, timeout_s=30)
    assert str(broken) in failed.value.message


def _of_other_features(directory: Path) -> None:
    make_ctc(directory, Shape(seed=4))  # of 128, which no config.json tells


def _of_another_vocabulary(directory: Path) -> None:
    make_ctc(directory, Shape(seed=4, features=80))
    lines = (directory / "vocab.txt").read_text().splitlines()
    (directory / "vocab.txt").write_text("\n".join([*lines[:5], lines[-1].split()[0] + " 5"]))


def _of_another_decoder(directory: Path) -> None:
    make_model(directory, Shape(seed=3, encoder=32))
    make_model(directory / "other", Shape(seed=3))
    (directory / "other" / "decoder_joint-model.onnx").replace(
        directory / "decoder_joint-model.onnx"
    )


@pytest.mark.parametrize("mix", [_of_other_features, _of_another_vocabulary, _of_another_decoder])
async def test_files_of_different_exports_end_the_start_in_words(
    tmp_path: Path, mix: Callable[[Path], None]
) -> None:
    mix(tmp_path / "mixed")
    with pytest.raises(EngineFailed) as failed:
        await open_batch(f"parakeet:{tmp_path / 'mixed'}", hosts=0, timeout_s=30)
    assert str(tmp_path / "mixed") in failed.value.message
    assert "different exports" in failed.value.hint


@pytest.mark.parametrize("kind", ["tdt", "rnnt", "ctc"])
@pytest.mark.slow
def test_what_is_heard_together_is_what_each_is_alone(models: dict[str, Path], kind: str) -> None:
    """Sounds of all lengths, some in several windows, some alike, one of nothing."""
    engine = ParakeetEngine(str(models[kind]), threads=1, window_s=(2.0, 4.0, 1.0))
    sounds = [sound(seed, 0.5 + 1.7 * (seed % 9)) for seed in range(20)]
    sounds += [sounds[3], np.zeros(0, np.float32), sound(99, 30.0)]
    together = engine.hear_all(sounds)
    assert together == [engine.hear_all([each])[0] for each in sounds]
    assert together[3] == together[20]
    assert sum(len(each.words) for each in together) > 100


def test_on_a_gpu_lengths_are_padded_whoever_else_is_heard(models: dict[str, Path]) -> None:
    """The rule alone: no GPU is needed for it."""
    engine = ParakeetEngine(str(models["conformer"]), threads=1)
    engine._model.on_gpu = True
    sounds = [sound(seed, seconds) for seed, seconds in enumerate((0.3, 0.4, 5.3, 5.8, 28, 41))]
    encoded: list[tuple[int, int]] = []
    encode = engine._model.encode

    def counted(some: list[Floats], padded: int) -> list[Floats]:
        encoded.append((len(some), padded))
        return encode(some, padded)

    engine._model.encode = counted  # type: ignore[method-assign, assignment]
    together = engine.hear_all(sounds)
    assert encoded[:2] == [(2, RATE // 2), (2, 6 * RATE)]
    assert together == [engine.hear_all([each])[0] for each in sounds]
    assert sum(len(each.words) for each in together) > 50


def test_streams_that_are_due_are_decoded_together(models: dict[str, Path]) -> None:
    engine = ParakeetEngine(str(models["tdt"]), threads=1)
    pcm = [(sound(seed, 4.0) * 32_767).astype("<i2").tobytes() for seed in range(5)]
    joint, single = ([engine.start(RATE, "en", None) for _ in pcm] for _ in range(2))
    for at in range(0, len(pcm[0]), 8_000):
        due = [s for s, some in zip(joint, pcm, strict=True) if s.hear(some[at : at + 8_000])]
        engine.decode(due)
        heard = [s.accept(some[at : at + 8_000]) for s, some in zip(single, pcm, strict=True)]
        assert [s.heard for s in joint] == heard
    engine.decode([s for s in joint if s.end()])
    assert [s.heard for s in joint] == [s.finish() for s in single]


def test_a_quantized_model_hears_each_by_itself(models: dict[str, Path], tmp_path: Path) -> None:
    for name in ("encoder-model", "decoder_joint-model"):
        shutil.copy(models["tdt"] / f"{name}.onnx", tmp_path / f"{name}.int8.onnx")
    for name in ("vocab.txt", "config.json"):
        shutil.copy(models["tdt"] / name, tmp_path)
    assert ParakeetEngine(str(tmp_path), threads=1).together == 1
    assert ParakeetEngine(str(models["tdt"]), threads=1).together > 1
