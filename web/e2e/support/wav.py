"""A sound file as a WAV of 16 bit, for Chromium's microphone: ``python wav.py IN OUT``."""

import sys
import wave

import av
import numpy as np


def main(source: str, target: str) -> None:
    with av.open(source) as container:
        pieces = [frame.to_ndarray() for frame in container.decode(audio=0)]
        stream = container.streams.audio[0]
        rate, channels = stream.rate, stream.channels
    sound = np.concatenate(
        [piece.reshape(-1, channels) if piece.shape[0] == 1 else piece.T for piece in pieces]
    )
    if sound.dtype.kind == "f":
        sound = np.clip(sound * 32767, -32768, 32767)
    elif sound.dtype == np.int32:
        sound = sound >> 16
    with wave.open(target, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(sound.astype("<i2").tobytes())


main(*sys.argv[1:])
