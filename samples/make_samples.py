"""Make the sample calls from ``dialogues/``: two-party support calls with exact references.

The voices are flite's (Debian and Ubuntu: ``apt-get install flite``). Run it with

    uv run python samples/make_samples.py [--only NAME ...] [--output DIR]

The same version of flite gives the same sound every time. The format of the dialogues and
of the references stands in ``samples/README.md``.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import wave
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import soxr

Sound = npt.NDArray[np.float64]  # one channel, 1.0 = full scale

HERE = Path(__file__).parent
RATE = 16_000
TELEPHONE_RATE = 8_000
SPEAKERS = ("agent", "caller")  # their place is their channel
SPEECH_DBFS = {"agent": -30.0, "caller": -32.0}  # a quiet line; nominal is -26 (ITU-T P.56)
NOISE_DBFS = -60.0
TAIL_S = 1.0
MONO_CALLS = ("billing", "delivery")  # for all of them the samples would outgrow 6 MB
TELEPHONE_CALL = "billing"
TRIM_DB = 40.0  # speech begins and ends where it comes within this of its loudest 20 ms


@dataclass(frozen=True)
class Line:
    """One line of a dialogue. ``gap_s`` counts from the end of the line before it."""

    gap_s: float
    speaker: str
    text: str
    personal_data: list[dict[str, Any]]


@dataclass(frozen=True)
class Dialogue:
    name: str
    voices: dict[str, str]
    lines: list[Line]


@dataclass(frozen=True)
class Spoken:
    """A line as flite says it; ``speech`` and the words' times are samples within ``sound``."""

    sound: Sound
    speech: tuple[int, int]
    words: list[tuple[str, int, int]]


@dataclass
class Call:
    """A call being put together: a sound per channel, and what was said when."""

    channels: list[Sound]
    utterances: list[dict[str, Any]] = field(default_factory=list)
    overlaps: list[dict[str, float]] = field(default_factory=list)


# --- dialogues ----------------------------------------------------------------------------------


def read_dialogue(path: Path) -> Dialogue:
    rows = [row for row in path.read_text().splitlines() if row and not row.startswith("#")]
    voices = dict(row.split() for row in rows if ":" not in row)
    return Dialogue(path.stem, voices, [parse_line(row) for row in rows if ":" in row])


def parse_line(row: str) -> Line:
    match = re.fullmatch(r"(-?[\d.]+) (agent|caller): (.+)", row)
    if match is None:
        raise ValueError(f"expected 'gap speaker: text' but got {row!r}")
    gap, speaker, marked = match.groups()
    text, personal_data = "", []
    for plain, kind, inside in re.findall(r"([^{]+)|\{(\w+)\|([^}]+)\}", marked):
        first = len(text.split())
        text += plain or inside
        if kind:
            last = len(text.split()) - 1
            personal_data.append({"type": kind, "first_word": first, "last_word": last})
    return Line(float(gap), speaker, text, personal_data)


# --- voices -------------------------------------------------------------------------------------


def flite(voice: str, text: str, output: str = "none") -> list[tuple[str, float]]:
    """Speak ``text``; return its sounds as (phone, end in seconds)."""
    command = ["flite", "-voice", voice, "-psdur", "-t", text, "-o", output]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [line for line in said.splitlines() if line.strip()]
    if len(lines) != 1:
        raise ValueError(f"flite split {text!r} into {len(lines)}; make it shorter sentences")
    pairs = (item.rsplit(":", 1) for item in lines[0].split())
    return [(phone, float(end)) for phone, end in pairs]


def speak(voice: str, text: str, level_dbfs: float) -> Spoken:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        phones = flite(voice, text, str(path))
        with wave.open(str(path)) as said:
            if (said.getframerate(), said.getnchannels()) != (RATE, 1):
                raise ValueError(f"voice {voice} does not speak at {RATE} Hz, mono")
            pcm = said.readframes(said.getnframes())
    sound = np.frombuffer(pcm, "<i2") / 32768.0
    begin, end = speech_bounds(sound)
    sound *= 10 ** (level_dbfs / 20) / rms(sound[begin:end])
    words = [
        (word, min(max(start, begin), end), min(max(stop, begin), end))
        for word, start, stop in word_times(voice, text, phones)
    ]
    words[0] = (words[0][0], begin, words[0][2])
    words[-1] = (words[-1][0], words[-1][1], end)
    return Spoken(sound, (begin, end), words)


def word_times(
    voice: str, text: str, phones: list[tuple[str, float]]
) -> list[tuple[str, int, int]]:
    """Each word with the samples where its first phone begins and its last one ends.

    flite does not say which phones a word has, but how many the words up to it have.
    """
    starts = [0.0] + [end for _, end in phones[:-1]]
    spoken = [
        (start, end) for (phone, end), start in zip(phones, starts, strict=True) if phone != "pau"
    ]
    times, done, tokens = [], 0, text.split()
    for number, token in enumerate(tokens, start=1):
        prefix = flite(voice, " ".join(tokens[:number]))
        count = sum(phone != "pau" for phone, _ in prefix)
        if not done < count <= len(spoken):
            raise ValueError(f"flite reads {token!r} in {text!r} in an unexpected way")
        start, end = spoken[done][0], spoken[count - 1][1]
        times.append((token.strip(".,?!"), round(start * RATE), round(end * RATE)))
        done = count
    if done != len(spoken):
        raise ValueError(f"{len(spoken) - done} sounds of {text!r} belong to no word")
    return times


def speech_bounds(sound: Sound) -> tuple[int, int]:
    """The first and one past the last sample of speech, by energy in windows of 20 ms."""
    window = RATE // 50
    power = np.convolve(sound**2, np.full(window, 1 / window), mode="same")
    loud = np.flatnonzero(power > power.max() * 10 ** (-TRIM_DB / 10))
    return int(loud[0]), int(loud[-1]) + 1


def rms(sound: Sound) -> float:
    return float(np.sqrt(np.mean(sound**2)))


# --- calls --------------------------------------------------------------------------------------


def make_call(dialogue: Dialogue) -> Call:
    spoken = [
        speak(dialogue.voices[line.speaker], line.text, SPEECH_DBFS[line.speaker])
        for line in dialogue.lines
    ]
    places, position = [], 0
    for line, said in zip(dialogue.lines, spoken, strict=True):
        begin = position + round(line.gap_s * RATE)
        places.append(begin)
        position = max(position, begin + said.speech[1] - said.speech[0])
    samples = position + round(TAIL_S * RATE)
    call = Call([line_noise(dialogue.name, channel, samples) for channel in range(len(SPEAKERS))])
    for line, said, begin in zip(dialogue.lines, spoken, places, strict=True):
        add(call, line, said, begin)
    return call


def line_noise(name: str, channel: int, samples: int) -> Sound:
    """The sound of a quiet room on a line: noise that falls with frequency, and a little hiss.

    Digital silence would flatter every detector of speech.
    """
    random = np.random.default_rng(zlib.crc32(f"{name}/{channel}".encode()))
    frequency = np.fft.rfftfreq(samples, 1 / RATE)
    shape = 1 / (1 + (frequency / 120) ** 2) + 0.0005
    shape[frequency < 30] = 0
    noise = np.fft.irfft(np.fft.rfft(random.standard_normal(samples)) * shape, samples)
    return np.asarray(noise * 10 ** (NOISE_DBFS / 20) / rms(noise))


def add(call: Call, line: Line, said: Spoken, begin: int) -> None:
    """Lay a line into its channel so that its speech begins at sample ``begin``."""
    shift = begin - said.speech[0]
    channel = SPEAKERS.index(line.speaker)
    first, last = max(0, shift), min(shift + len(said.sound), len(call.channels[channel]))
    call.channels[channel][first:last] += said.sound[first - shift : last - shift]
    end = said.speech[1] + shift
    for other in call.utterances:
        if other["channel"] != channel and other["end_sample"] > begin:
            both = {"start": seconds(begin), "end": seconds(min(end, other["end_sample"]))}
            call.overlaps.append(both)
    call.utterances.append(utterance(len(call.utterances) + 1, line, said, shift))


def utterance(number: int, line: Line, said: Spoken, shift: int) -> dict[str, Any]:
    words = [
        {"text": word, "start": seconds(start + shift), "end": seconds(end + shift)}
        for word, start, end in said.words
    ]
    spans = [
        {
            "type": span["type"],
            "text": " ".join(
                word["text"] for word in words[span["first_word"] : span["last_word"] + 1]
            ),
            "first_word": span["first_word"],
            "last_word": span["last_word"],
            "start": words[span["first_word"]]["start"],
            "end": words[span["last_word"]]["end"],
        }
        for span in line.personal_data
    ]
    start, end = said.speech[0] + shift, said.speech[1] + shift
    return {
        "number": number,
        "channel": SPEAKERS.index(line.speaker),
        "speaker": line.speaker,
        "start": seconds(start),
        "end": seconds(end),
        "start_sample": start,
        "end_sample": end,
        "text": line.text,
        "words": words,
        "personal_data": spans,
    }


def seconds(sample: int) -> float:
    return round(sample / RATE, 4)


# --- files --------------------------------------------------------------------------------------


def to_pcm(sound: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    scaled = np.round(sound * 32768.0)
    if np.abs(scaled).max() > 32767:
        raise ValueError("the sound clips; lower SPEECH_DBFS")
    return scaled.astype(np.int16)


def write(path: Path, sound: npt.NDArray[np.float64], rate: int, codec: str) -> None:
    """``sound`` has one row a channel; the container follows from the file's name."""
    layout = "mono" if len(sound) == 1 else "stereo"
    pcm = np.ascontiguousarray(to_pcm(sound).T).reshape(1, -1)
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        options = {"compression_level": "12"} if codec == "flac" else {}
        stream = container.add_stream(codec, rate=rate, layout=layout, options=options)
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        fifo = av.AudioFifo()
        fifo.write(frame)
        for piece in fifo.read_many(4096, partial=True):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))


def make(dialogue: Dialogue, output: Path) -> None:
    call = make_call(dialogue)
    both = np.stack(call.channels)
    mixed = both.sum(axis=0, keepdims=True)
    name = dialogue.name
    files: dict[str, dict[str, Any]] = {}

    def save(file: str, sound: npt.NDArray[np.float64], rate: int, codec: str) -> None:
        write(output / file, sound, rate, codec)
        files[file] = {"rate": rate, "channels": len(sound), "samples": sound.shape[1]}

    if name == "hello":
        save("hello.flac", mixed, RATE, "flac")
    else:
        save(f"{name}.stereo.flac", both, RATE, "flac")
    if name in MONO_CALLS:
        save(f"{name}.mono.flac", mixed, RATE, "flac")
    if name == TELEPHONE_CALL:
        narrow = soxr.resample(mixed[0], RATE, TELEPHONE_RATE, quality="HQ")
        save(f"{name}.mulaw.wav", narrow[np.newaxis], TELEPHONE_RATE, "pcm_mulaw")
    reference = {
        "call": name,
        "language": "en",
        "sample_rate": RATE,
        "samples": both.shape[1],
        "length_s": seconds(both.shape[1]),
        "channels": [
            {"channel": channel, "speaker": speaker, "voice": f"flite {dialogue.voices[speaker]}"}
            for channel, speaker in enumerate(SPEAKERS)
        ],
        "files": files,
        "overlaps": call.overlaps,
        "utterances": call.utterances,
    }
    text = json.dumps(reference, indent=1, ensure_ascii=False) + "\n"
    (output / f"{name}.json").write_text(text)
    words = sum(len(item["words"]) for item in call.utterances)
    print(f"{name}: {reference['length_s']} s, {words} words, {len(call.overlaps)} overlap(s)")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make the sample calls with flite.")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="make only these dialogues")
    parser.add_argument("--output", type=Path, default=HERE / "calls")
    options = parser.parse_args(arguments)
    if shutil.which("flite") is None:
        print("flite is not installed: apt-get install flite", file=sys.stderr)
        return 1
    options.output.mkdir(parents=True, exist_ok=True)
    for path in sorted((HERE / "dialogues").glob("*.txt")):
        if not options.only or path.stem in options.only:
            make(read_dialogue(path), options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
