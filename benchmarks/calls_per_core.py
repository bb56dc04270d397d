"""How many live calls a core bears: ``python -m benchmarks calls_per_core [--device cuda]``.

whisper-base and Parakeet 0.6b, each alone and with others. Speakers who never pause, in utterances
of 2 to 15 s, send 250 ms at a time to an engine of the true size with random weights, through
``Together`` as a host does it: what has come while the model was busy goes through it next, one
request of a speaker, up to what the engine takes at once. The clock is one thread's CPU time (on a
GPU: time), so others on the machine do not count; it stands still while the model does, and jumps
to the next message where nothing is left to do. With more speakers each time, until they no longer
are kept up with: of Whisper an answer may take a tick, of Parakeet, which decodes an utterance
again each half second and more seldom later, half a second.

What Whisper says of a window is 30 tokens long whatever it is, no guard acts: random weights know
no end.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tests.models.fastconformer import make_true_size
from tests.models.whisper import BASE, Shape, Tokens, make_random, pcm_of, speech

from benchmarks.common import percentile, save
from twicetold.engines import Sound
from twicetold.engines.hosted import Kind, Message, pack_start
from twicetold.engines.parakeet.engine import ParakeetEngine
from twicetold.engines.together import JointEngine, Together
from twicetold.engines.whisper.engine import WhisperEngine

_RATE, _MESSAGE_S = 16_000, 0.25
_SPOKEN_S = 20.0  # by each speaker
_TICK_S = 5.0  # the longest that Whisper chooses for itself
_AGAIN_S = 0.5  # the shortest that Parakeet leaves between two decodings
_TOKENS = 30
_TOGETHER = 16
_MOST_SPEAKERS = 128
_ALIKE = 8  # windows, for what a step costs
_NEVER = {"no_speech": 2.0, "log_probability": -1e9, "compression": 1e9}  # guards act

_COMPUTES = {"cpu": ("int8", "float32"), "cuda": ("float16", "float32")}

Clock = Callable[[], float]


@dataclass(slots=True)
class Contender:
    """An engine and where its time goes. ``late_s``: what an answer may take; ``parts``: to be
    added to by ``timed``."""

    engine: JointEngine
    clock: Clock
    late_s: float
    parts: dict[str, float] = field(default_factory=dict)

    def timed(self, owner: object, method: str, part: str) -> None:
        """Count what that method of an object takes."""
        work = getattr(owner, method)

        def counting(*args: Any, **options: Any) -> Any:
            began = self.clock()
            try:
                return work(*args, **options)
            finally:
                self.parts[part] = self.parts.get(part, 0.0) + self.clock() - began

        setattr(owner, method, counting)


# --- the engines ---------------------------------------------------------------------------


class _Brief:
    """CTranslate2's model, which says so many tokens of every window and no times: by those that
    random weights say, a sound would be heard in several windows."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model, self._no_times = model, tokenizer.no_timestamps
        self._never = [tokenizer.eot, *range(tokenizer.timestamp_begin, len(Tokens(BASE).all))]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def generate(self, encoded: Any, prompts: list[list[int]], **options: Any) -> Any:
        prompts = [[*prompt, self._no_times] for prompt in prompts]
        options["max_length"] = len(prompts[0]) + _TOKENS
        options["suppress_tokens"] = [*options["suppress_tokens"], *self._never]
        return self._model.generate(encoded, prompts, **options)


def whisper(directory: Path, device: str, compute: str, together: int) -> Contender:
    engine = WhisperEngine(
        str(directory),
        device=device,
        compute=compute,
        threads=1,
        thresholds=_NEVER,
        tick_s=_TICK_S,
        together=together,
    )
    model, upstream = engine._model, engine._model._whisper
    upstream.model = _Brief(upstream.model, model.tokenizer("en"))
    contender = Contender(engine, _clock(device), _TICK_S)
    steps = {"features": "features", "encode": "encoder", "decode": "decoder"}
    for method, part in {**steps, "add_words": "alignment"}.items():
        contender.timed(model, method, part)
    return contender


def parakeet(directory: Path, device: str, together: int) -> Contender:
    engine = ParakeetEngine(str(directory), device=device, threads=1, together=together)
    contender = Contender(engine, _clock(device), _AGAIN_S)
    contender.timed(engine._model, "encode", "encoder")
    contender.timed(engine._model.greedy, "decode", "decoder")
    return contender


def _clock(device: str) -> Clock:
    return time.process_time if device == "cpu" else time.perf_counter


def _contenders(scratch: Path, device: str) -> Iterator[tuple[str, Callable[[int], Contender]]]:
    """By name what makes each, given how many it takes at once."""
    base = make_random(scratch / "base", BASE)
    for compute in _COMPUTES[device]:
        yield f"whisper-base {compute}", partial(whisper, base, device, compute)
    for half in (False, True) if device == "cuda" else (False,):
        model = make_true_size(scratch / f"parakeet-{half}", half=half)
        yield f"parakeet float{16 if half else 32}", partial(parakeet, model, device)


# --- the speakers --------------------------------------------------------------------------


class Speaker:
    """One after the other its messages, and when each is sent."""

    def __init__(self, number: int) -> None:
        draw = random.Random(number)
        self.messages: deque[tuple[float, Message]] = deque()
        at = draw.uniform(0, _TICK_S)
        end = at + _SPOKEN_S
        while at < end:
            at = self._utter(number, at, min(draw.uniform(2, 15), max(2.0, end - at)))

    def _utter(self, number: int, at: float, seconds: float) -> float:
        self.messages.append((at, Message(Kind.START, number, pack_start(_RATE, "en", None))))
        pcm = pcm_of(speech(number, seconds))
        size = round(2 * _RATE * _MESSAGE_S)
        for begin in range(0, len(pcm), size):
            at += _MESSAGE_S
            self.messages.append((at, Message(Kind.ACCEPT, number, pcm[begin : begin + size])))
        self.messages.append((at, Message(Kind.FINISH, number)))
        return at


@dataclass(frozen=True, slots=True)
class Heard:
    """``waited``: from a message to its answer. ``shares``: of a second for each part."""

    busy: float
    waited: float
    at_once: float
    shares: dict[str, float]

    def keeps_up(self, late_s: float) -> bool:
        return self.busy < 1.0 and self.waited <= late_s


def _play(contender: Contender, count: int) -> Heard:
    """So many speakers at once."""
    engine, clock = contender.engine, contender.clock
    together, speakers = Together(engine), [Speaker(number) for number in range(count)]
    contender.parts.clear()
    now = busy = 0.0
    waited, decoded = list[float](), _count_windows(engine)
    while left := [speaker for speaker in speakers if speaker.messages]:
        due = sorted((s for s in left if s.messages[0][0] <= now), key=lambda s: s.messages[0][0])
        if not due:
            now = min(speaker.messages[0][0] for speaker in left)
            continue
        sent = [speaker.messages.popleft() for speaker in due[: engine.together]]
        began = clock()
        for answer in together.answer([message for _, message in sent]).values():
            if isinstance(answer, Exception):
                raise answer
        took = clock() - began
        now, busy = now + took, busy + took
        waited += [now - at for at, _ in sent]
    lasted = max(now, _SPOKEN_S)
    shares = {part: round(took / lasted, 3) for part, took in contender.parts.items()}
    mean = sum(decoded) / len(decoded)
    return Heard(busy / lasted, percentile(waited, 95), mean, shares)


def _count_windows(engine: JointEngine) -> list[int]:
    """Filled with how many utterances went through the model at once."""
    counts: list[int] = []
    decode = type(engine).decode

    def counting(streams: Any) -> None:
        counts.append(len(streams))
        decode(engine, streams)

    engine.decode = counting  # type: ignore[method-assign]
    return counts


def _calls(make: Callable[[int], Contender], together: int) -> dict[str, Any]:
    """The most speakers that are kept up with, and how it is with these."""
    contender, best = make(together), dict[str, Any](calls=0)
    count = 1
    while count <= _MOST_SPEAKERS:
        heard = _play(contender, count)
        figures = {
            "busy": round(heard.busy, 2),
            "answer_p95_s": round(heard.waited, 2),
            "at_once": round(heard.at_once, 1),
            "shares": heard.shares,
        }
        if not heard.keeps_up(contender.late_s):
            return {**best, f"with_{count}": figures}
        best = {"calls": count, **figures}
        count += max(1, count // 4)
    return best


def _steps(make: Callable[[int], Contender], together: int) -> dict[str, float]:
    """Seconds of each part for one window of 8 s, so many at once."""
    contender = make(together)
    contender.engine.transcribe_all([(Sound(pcm_of(speech(0, 8)), _RATE), "en")])  # warm
    contender.parts.clear()
    sounds = [(Sound(pcm_of(speech(number, 8)), _RATE), "en") for number in range(_ALIKE)]
    contender.engine.transcribe_all(sounds)
    return {part: round(took / _ALIKE, 3) for part, took in contender.parts.items()}


# --- neighbours ----------------------------------------------------------------------------


def _changed(scratch: Path, device: str, compute: str, count: int = 200) -> dict[str, Any]:
    """Of so many random windows on a small model, how many differ beside seven others from what
    they are alone."""
    model = make_random(scratch / compute, Shape(seed=3, heads=4, layers=2, multilingual=True))
    draw = random.Random(1)
    sounds = [Sound(pcm_of(speech(n, draw.uniform(1, 8))), _RATE) for n in range(count)]
    asked = [(sound, draw.choice(("en", "de", "auto"))) for sound in sounds]
    told = []
    for together in (1, 8):
        engine = WhisperEngine(
            str(model), device=device, compute=compute, threads=1, tick_s=1.0, together=together
        )
        pieces = [asked[at : at + 8] for at in range(0, count, 8)]
        told.append([heard for piece in pieces for heard in engine.transcribe_all(piece)])
    words = [[(w.text, w.start, w.end) for w in each.words] for each in told[0]]
    beside = [[(w.text, w.start, w.end) for w in each.words] for each in told[1]]
    same = [n for n in range(count) if words[n] == beside[n]]
    pairs = [pair for n in same for pair in zip(told[0][n].words, told[1][n].words, strict=True)]
    apart = [abs((a.probability or 0.0) - (b.probability or 0.0)) for a, b in pairs]
    return {
        "windows": count,
        "words": sum(map(len, words)),
        "other_words_or_times": count - len(same),
        "probability_off_by": float(f"{max(apart):.1g}"),
    }


def run(device: str = "cpu", only: str = "") -> dict[str, Any]:
    figures: dict[str, Any] = {"tick_s": _TICK_S, "device": device}
    with tempfile.TemporaryDirectory() as scratch:
        for compute in () if only else _COMPUTES[device]:
            figures[f"beside_others {compute}"] = _changed(Path(scratch), device, compute)
        for name, make in _contenders(Path(scratch), device):
            if not name.startswith(only):
                continue
            for together in (1, 4, _ALIKE):
                figures[f"{name}, a window, {together} at once"] = _steps(make, together)
            for together in (1, _TOGETHER):
                figures[f"{name}, calls, {together} at once"] = _calls(make, together)
                save("calls_per_core", figures)  # what there is by now, should it be ended
    return figures
