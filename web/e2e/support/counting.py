"""Somebody who counts aloud, as a WAV for Chromium's microphone: ``python counting.py OUT COUNT``.

The engine ``counter`` reads the numbers back exactly: what is lost, doubled or out of order shows.
"""

import sys
import wave

from twicetold.engines.counter import render

RATE = 16_000


def main(target: str, count: str) -> None:
    silence = bytes(RATE)  # half a second, in which the microphone is being opened
    sound = render(1, int(count), RATE, burst_s=0.2, gap_s=0.08, group=5, pause_s=0.8)
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(silence + sound)


main(*sys.argv[1:])
