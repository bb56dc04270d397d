"""Sound in which nobody speaks: silence, noise and music, all computed, none recorded.

Each maker returns ``(name, floats of −1..1)`` pieces at the rate asked for; the same seed gives
the same sound. Levels are dBFS of the root mean square over the whole piece, clicks of the peak.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Piece = tuple[str, Floats]
Instrument = Callable[[float, float, int], Floats]

PIECE_S = 30.0


def at_level(sound: Floats, dbfs: float) -> Floats:
    """``sound`` at that level."""
    return sound * (10 ** (dbfs / 20) / max(1e-12, float(np.sqrt(np.mean(sound * sound)))))


def at_peak(sound: Floats, dbfs: float) -> Floats:
    return sound * (10 ** (dbfs / 20) / max(1e-12, float(np.max(np.abs(sound)))))


def silence(rate: int, seed: int = 1) -> Iterator[Piece]:
    """Nothing at all, a last bit that flickers, a constant, a quiet room, switches between them."""
    random = np.random.default_rng(seed)
    samples = int(PIECE_S * rate)
    last_bit = random.integers(-1, 2, samples) / 32768
    yield "digital silence", np.zeros(samples)
    yield "last bit flickers", last_bit
    yield "constant offset", np.full(samples, 0.05)
    for dbfs in (-80, -70, -60):
        yield f"room {dbfs} dBFS", at_level(random.standard_normal(samples), dbfs)
    switched = at_level(random.standard_normal(samples), -65)
    switched[(np.arange(samples) // (2 * rate)) % 2 == 0] = 0.0
    yield "a line that mutes itself", switched


def noise(rate: int, seed: int = 2) -> Iterator[Piece]:
    """White, pink and brown noise, hum, keys, ringing lines: each at several levels."""
    random = np.random.default_rng(seed)
    for dbfs in (-50, -35, -20):
        for name, exponent in (("white", 0.0), ("pink", 0.5), ("brown", 1.0)):
            yield f"{name} {dbfs} dBFS", at_level(coloured(rate, exponent, random), dbfs)
        yield f"hum {dbfs} dBFS", at_level(hum(rate, random), dbfs)
    for dbfs in (-30, -12):
        yield f"keys {dbfs} dBFS", at_peak(keys(rate, random), dbfs)
    gusts = coloured(rate, 0.8, random) * _slow(rate, random)
    yield "gusts -25 dBFS", at_level(gusts, -25)
    yield "ringing line", at_level(ringing(rate), -25)
    yield "touch tones", at_level(touch_tones(rate, random), -25)


def music(rate: int, seed: int = 3) -> Iterator[Piece]:
    """Chords, melodies and drums, apart and together, on several instruments and keys."""
    random = np.random.default_rng(seed)
    for number, (name, lead) in enumerate(
        (("organ", organ), ("plucked", plucked), ("bowed", bowed), ("flute", flute))
    ):
        tempo = 70 + 22 * number
        chords_, tune = chords(rate, tempo, organ, random), melody(rate, tempo, lead, random)
        beat = drums(rate, tempo, random)
        yield f"{name}: tune alone", at_level(tune, -20)
        yield f"{name}: tune, chords", at_level(at_level(tune, -20) + at_level(chords_, -24), -22)
        band = at_level(tune, -20) + at_level(chords_, -24) + at_level(beat, -22)
        for dbfs in (-15, -35):
            yield f"{name}: band {dbfs} dBFS", at_level(band, dbfs)
    for tempo in (80, 120, 160):
        yield f"drums {tempo}", at_level(drums(rate, tempo, random), -20)
    yield "chords", at_level(chords(rate, 90, plucked, random), -22)


# --- noises ----------------------------------------------------------------------------


def coloured(rate: int, exponent: float, random: np.random.Generator) -> Floats:
    """Noise whose amplitude falls with frequency to the ``exponent``: white, pink, brown."""
    samples = int(PIECE_S * rate)
    spectrum = np.fft.rfft(random.standard_normal(samples))
    frequency = np.fft.rfftfreq(samples, 1 / rate)
    shaped = spectrum / np.maximum(frequency, 20.0) ** exponent
    return np.asarray(np.fft.irfft(shaped, samples), np.float64)


def hum(rate: int, random: np.random.Generator) -> Floats:
    """Mains hum and its harmonics, and a fan's broad noise."""
    time = _time(rate)
    tones = sum(
        np.sin(2 * np.pi * 50 * n * time + random.uniform(0, 6)) / n for n in (1, 2, 3, 4, 5, 7, 9)
    )
    return np.asarray(tones + at_level(coloured(rate, 1.0, random), -6), np.float64)


def keys(rate: int, random: np.random.Generator) -> Floats:
    """Somebody types: pairs of short damped bursts, 5 to 9 a second, with pauses."""
    sound = np.zeros(int(PIECE_S * rate))
    at = 0.2
    while at < PIECE_S - 0.3:
        for offset, strength in ((0.0, 1.0), (0.06, 0.5)):
            _add(sound, rate, at + offset, _burst(rate, 0.012, random) * strength)
        at += float(random.uniform(0.11, 0.2)) if random.random() < 0.9 else 1.5
    return sound


def ringing(rate: int) -> Floats:
    """The North American ringing tone: 440 and 480 Hz, 2 s on, 4 s off."""
    time = _time(rate)
    tone = np.sin(2 * np.pi * 440 * time) + np.sin(2 * np.pi * 480 * time)
    return np.where(time % 6.0 < 2.0, tone, 0.0)


def touch_tones(rate: int, random: np.random.Generator) -> Floats:
    """A number is dialled, again and again."""
    sound = np.zeros(int(PIECE_S * rate))
    tone = np.arange(int(0.12 * rate)) / rate
    for at in np.arange(0.5, PIECE_S - 0.5, 0.22):
        low, high = random.choice([697, 770, 852, 941]), random.choice([1209, 1336, 1477])
        _add(sound, rate, at, np.sin(2 * np.pi * low * tone) + np.sin(2 * np.pi * high * tone))
    return sound


# --- instruments and players ----------------------------------------------------------------


def organ(pitch_hz: float, length_s: float, rate: int) -> Floats:
    time = np.arange(int(length_s * rate)) / rate
    tone = sum(np.sin(2 * np.pi * pitch_hz * n * time) / n for n in (1, 2, 3, 4, 6))
    return np.asarray(tone * _envelope(len(time), rate, 0.03, 0.1), np.float64)


def plucked(pitch_hz: float, length_s: float, rate: int) -> Floats:
    """Harmonics that die away, the higher the quicker."""
    time = np.arange(int(length_s * rate)) / rate
    tone = sum(
        np.sin(2 * np.pi * pitch_hz * n * time) * np.exp(-time * (1.5 + 1.2 * n)) / n
        for n in range(1, 12)
        if pitch_hz * n < rate / 2
    )
    return np.asarray(tone * _envelope(len(time), rate, 0.003, 0.02), np.float64)


def bowed(pitch_hz: float, length_s: float, rate: int) -> Floats:
    """A rich tone with vibrato: the most like a voice."""
    time = np.arange(int(length_s * rate)) / rate
    phase = 2 * np.pi * (pitch_hz * time - 0.006 * pitch_hz / 5.5 * np.cos(2 * np.pi * 5.5 * time))
    count = max(1, int(0.45 * rate / pitch_hz))
    tone = sum(np.sin(n * phase) / n for n in range(1, min(16, count)))
    return np.asarray(tone * _envelope(len(time), rate, 0.08, 0.1), np.float64)


def flute(pitch_hz: float, length_s: float, rate: int) -> Floats:
    time = np.arange(int(length_s * rate)) / rate
    phase = 2 * np.pi * pitch_hz * time + 0.2 * np.sin(2 * np.pi * 5 * time)
    tone = np.sin(phase) + 0.25 * np.sin(2 * phase) + 0.06 * np.sin(3 * phase)
    return np.asarray(tone * _envelope(len(time), rate, 0.05, 0.08), np.float64)


def melody(rate: int, tempo: float, lead: Instrument, random: np.random.Generator) -> Floats:
    """A tune that wanders over a scale, with rests."""
    sound, beat = np.zeros(int(PIECE_S * rate)), 60 / tempo
    scale, step, at = (0, 2, 4, 5, 7, 9, 11), 7, 0.3
    while at < PIECE_S - 2 * beat:
        length = float(random.choice([0.5, 1.0, 1.0, 2.0])) * beat
        step = int(np.clip(step + random.integers(-2, 3), 0, 13))
        pitch = 220 * 2 ** ((scale[step % 7] + 12 * (step // 7)) / 12)
        if random.random() < 0.9:
            _add(sound, rate, at, lead(pitch, length * 0.95, rate))
        at += length
    return sound


def chords(rate: int, tempo: float, player: Instrument, random: np.random.Generator) -> Floats:
    """A progression of triads, one a bar."""
    sound, bar = np.zeros(int(PIECE_S * rate)), 4 * 60 / tempo
    for at in np.arange(0.0, PIECE_S - bar, bar):
        root = int(random.choice([0, 5, 7, 9]))
        for interval in (0, 3 if root == 9 else 4, 7):
            _add(sound, rate, at, player(130.8 * 2 ** ((root + interval) / 12), bar, rate))
    return sound


def drums(rate: int, tempo: float, random: np.random.Generator) -> Floats:
    """Kick on one and three, snare on two and four, hats between."""
    sound, beat = np.zeros(int(PIECE_S * rate)), 60 / tempo
    time = np.arange(int(0.25 * rate)) / rate
    kick = np.sin(2 * np.pi * (50 * time + 6 * (1 - np.exp(-time * 30)))) * np.exp(-time * 14)
    for number, at in enumerate(np.arange(0.0, PIECE_S - 1, beat / 2)):
        if number % 4 == 0:
            _add(sound, rate, at, kick)
        if number % 4 == 2:
            snare = _burst(rate, 0.1, random) + 0.5 * np.sin(2 * np.pi * 190 * time) * np.exp(
                -time * 25
            )
            _add(sound, rate, at, snare)
        _add(sound, rate, at, 0.25 * _burst(rate, 0.03, random))
    return sound


# --- parts ------------------------------------------------------------------------------


def _time(rate: int) -> Floats:
    return np.arange(int(PIECE_S * rate)) / rate


def _burst(rate: int, decay_s: float, random: np.random.Generator) -> Floats:
    time = np.arange(int(0.25 * rate)) / rate
    sharp = np.diff(random.standard_normal(len(time) + 1))  # little below 1 kHz
    return np.asarray(sharp * np.exp(-time / decay_s), np.float64)


def _slow(rate: int, random: np.random.Generator) -> Floats:
    """A loudness that comes and goes within seconds."""
    points = random.uniform(0.02, 1.0, int(PIECE_S) + 2)
    return np.asarray(np.interp(_time(rate), np.arange(len(points)), points), np.float64)


def _envelope(samples: int, rate: int, attack_s: float, release_s: float) -> Floats:
    at = np.arange(samples) / rate
    rise, fall = at / attack_s, (samples / rate - at) / release_s
    return np.asarray(np.clip(np.minimum(rise, fall), 0.0, 1.0), np.float64)


def _add(sound: Floats, rate: int, at_s: float, piece: Floats) -> None:
    start = int(at_s * rate)
    room = max(0, min(len(piece), len(sound) - start))
    sound[start : start + room] += piece[:room]
