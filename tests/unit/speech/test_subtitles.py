"""SubRip, WebVTT and text: their syntax, their times, and that they stream."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count, islice, pairwise
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twicetold.speech.subtitles import SrtWriter, TxtWriter, VttWriter, to_srt, to_txt, to_vtt
from twicetold.speech.transcript import Segment, Word

pytestmark = pytest.mark.unit

GAP_MS, LONGEST_MS = 84, 7000
UNHURRIED = settings(max_examples=40, deadline=None)


class Shown(NamedTuple):
    start_ms: int
    end_ms: int
    voice: str
    lines: list[str]


def _ms(clock: str) -> int:
    hours, minutes, seconds, milliseconds = map(int, re.split("[:.,]", clock))
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds


def parse_srt(text: str) -> list[Shown]:
    """A strict reader: numbers from 1, blocks parted by one empty line."""
    cues = []
    for number, block in enumerate(text.split("\n\n")[:-1], 1):
        head, times, *lines = block.split("\n")
        assert head == str(number)
        matched = re.fullmatch(r"(\d\d:\d\d:\d\d,\d{3}) --> (\d\d:\d\d:\d\d,\d{3})", times)
        assert matched
        assert lines
        assert all(line.strip() for line in lines)
        named = re.match(r"(Channel \d): ", lines[0])
        voice = named[1] if named else ""
        if named:
            lines[0] = lines[0][named.end() :]
        cues.append(Shown(_ms(matched[1]), _ms(matched[2]), voice, lines))
    return cues


def parse_vtt(text: str) -> list[Shown]:
    """A strict reader: nothing but voice tags may look like markup."""
    header, *blocks = text.removesuffix("\n").split("\n\n")
    assert header.rstrip("\n") == "WEBVTT"
    cues = []
    for block in blocks:
        times, *lines = block.split("\n")
        matched = re.fullmatch(r"(\d\d:\d\d:\d\d\.\d{3}) --> (\d\d:\d\d:\d\d\.\d{3})", times)
        assert matched
        named = re.match(r"<v ([^<>]+)>", lines[0])
        if named:
            lines[0] = lines[0][named.end() :]
        assert not any(mark in line for mark in "<>" for line in lines)
        plain = [
            line.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for line in lines
        ]
        cues.append(Shown(_ms(matched[1]), _ms(matched[2]), named[1] if named else "", plain))
    return cues


@st.composite
def calls(draw: st.DrawFn) -> list[Segment]:
    """Two channels that overlap; within a channel one segment follows the other."""
    segments: list[Segment] = []
    for channel in range(draw(st.integers(1, 2))):
        now = draw(st.floats(0, 20))
        for _ in range(draw(st.integers(0, 6))):
            now += draw(st.sampled_from([0.0, 0.05, 0.4, 3.0, 30.0]))
            start, words = now, []
            for _ in range(draw(st.integers(0, 25))):
                length = draw(st.integers(1, 14))
                begins = now + draw(st.sampled_from([0.0, 0.03, 0.5]))
                now = begins + draw(st.sampled_from([0.02, 0.1, 0.3, 1.0, 9.0]))
                mark = draw(st.sampled_from(["", "", "", ",", "."]))
                words.append(Word(begins, now, f"{len(segments)}" + "w" * length + mark))
            text = " ".join(word.text for word in words)
            kept = tuple(words) if draw(st.booleans()) else ()
            segments.append(Segment(len(segments) + 1, channel, start, now, text, kept))
    return sorted(segments, key=lambda one: (one.start, one.channel, one.number))


def by_channel(
    segments: list[Segment], cues: list[Shown]
) -> list[tuple[list[Segment], list[Shown]]]:
    spoken = {one.channel for one in segments}
    if len(spoken) < 2:
        return [(segments, cues)]
    return [
        (
            [one for one in segments if one.channel == channel],
            [cue for cue in cues if cue.voice == f"Channel {channel + 1}"],
        )
        for channel in sorted(spoken)
    ]


@given(calls())
@UNHURRIED
def test_every_word_comes_out_once_in_order(segments: list[Segment]) -> None:
    for cues in (parse_srt("".join(to_srt(segments))), parse_vtt("".join(to_vtt(segments)))):
        for spoken, shown in by_channel(segments, cues):
            words = [word for cue in shown for line in cue.lines for word in line.split()]
            assert words == [word for one in spoken for word in one.text.split()]


@given(calls())
@UNHURRIED
def test_lines_have_at_most_42_characters_with_their_label(segments: list[Segment]) -> None:
    for line in "".join(to_srt(segments)).split("\n"):
        assert len(line) <= 42 or " " not in line.removeprefix("Channel 1: ")


@given(calls())
@UNHURRIED
def test_cues_come_by_start_and_never_overlap_within_a_channel(segments: list[Segment]) -> None:
    cues = parse_srt("".join(to_srt(segments)))
    assert [cue.start_ms for cue in cues] == sorted(cue.start_ms for cue in cues)
    for _, shown in by_channel(segments, cues):
        for cue in shown:
            assert 0 < cue.end_ms - cue.start_ms <= LONGEST_MS
        for cue, after in pairwise(shown):
            assert cue.end_ms <= after.start_ms
            if after.start_ms - cue.start_ms >= 500 + GAP_MS:
                assert after.start_ms - cue.end_ms >= GAP_MS


@pytest.mark.slow
@given(calls())
@UNHURRIED
def test_a_cue_starts_in_its_segment_and_outlasts_it_to_be_read_only(
    segments: list[Segment],
) -> None:
    cues = parse_srt("".join(to_srt(segments)))
    for spoken, shown in by_channel(segments, cues):
        left = iter(shown)
        for one in spoken:
            words = len(one.text.split())
            while words > 0:
                cue = next(left)
                text = " ".join(cue.lines)
                words -= len(text.split())
                assert round(one.start * 1000) - 1 <= cue.start_ms <= round(one.end * 1000) + 25
                to_read_ms = max(1000, round(len(text) / 17 * 1000))
                assert cue.end_ms <= max(round(one.end * 1000), cue.start_ms + to_read_ms) + 1


@given(calls())
@UNHURRIED
def test_a_cue_too_fast_to_read_has_all_the_time_there_is(segments: list[Segment]) -> None:
    cues = parse_srt("".join(to_srt(segments)))
    for _, shown in by_channel(segments, cues):
        for cue, after in pairwise([*shown, Shown(10**9, 10**9, "", [])]):
            to_read_ms = min(LONGEST_MS, max(1000, len(" ".join(cue.lines)) / 17 * 1000))
            if cue.end_ms - cue.start_ms < to_read_ms - 1:
                assert after.start_ms - cue.end_ms <= GAP_MS


@pytest.mark.slow
@given(calls())
@UNHURRIED
def test_writers_say_what_the_functions_say(segments: list[Segment]) -> None:
    for writer, function in ((SrtWriter(), to_srt), (VttWriter(), to_vtt), (TxtWriter(), to_txt)):
        pieces = [piece for one in segments for piece in writer.accept(one)]
        assert [*pieces, *writer.finish()] == list(function(segments))


def endless(channels: int) -> Iterator[Segment]:
    for number in count(1):
        text = f"number {number} of a call that does not end"
        yield Segment(number, number % channels, 3.0 * number, 3.0 * number + 2.5, text)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("form", [to_srt, to_vtt, to_txt])
@pytest.mark.slow
def test_an_endless_call_is_written_as_it_comes(form: object, channels: int) -> None:
    assert callable(form)
    pieces = list(islice(form(endless(channels)), 3000))
    assert len(pieces) == 3000
    assert re.search(r"number 2990\s", "".join(pieces))


@pytest.mark.slow
def test_only_the_last_seconds_are_held() -> None:
    writer = SrtWriter()
    for segment in islice(endless(2), 5000):
        writer.accept(segment)
    assert len(writer._timing._heap) <= 8
    assert len(writer._voices._held) == 0


def test_a_channel_that_falls_silent_holds_nothing_up() -> None:
    def segments() -> Iterator[Segment]:
        yield Segment(1, 1, 0.0, 1.0, "hello")
        yield from endless(1)

    assert re.search(r"number 90\s", "".join(islice(to_srt(segments()), 100)))


def test_one_voice_is_not_named_two_are() -> None:
    alone = [Segment(1, 1, 0.0, 2.0, "hello there"), Segment(2, 1, 3.0, 4.0, "anybody?")]
    assert "".join(to_txt(alone)) == "hello there\nanybody?\n"
    assert "Channel" not in "".join(to_srt(alone)) + "".join(to_vtt(alone))
    both = [*alone, Segment(3, 0, 5.0, 6.0, "yes", speaker="Agent <1>")]
    assert "".join(to_txt(both)) == "Channel 2: hello there\nChannel 2: anybody?\nAgent <1>: yes\n"
    assert "<v Agent &lt;1&gt;>yes" in "".join(to_vtt(both))
    assert "Agent <\u20601>: yes" in "".join(to_srt(both))


def test_a_second_voice_is_waited_for_within_bounds() -> None:
    late = [Segment(n, 0, float(n), n + 0.5, f"word{n}") for n in range(150)]
    assert "".join(to_txt([*late, Segment(150, 1, 150.0, 151.0, "hi")])).startswith("Channel 1: ")


def test_a_long_voice_leaves_room_for_the_words() -> None:
    long = Segment(1, 0, 0.0, 2.0, "hello", speaker="A" * 200)
    pieces = "".join(to_srt([long, Segment(2, 1, 3.0, 4.0, "hi", speaker="B")]))
    assert max(map(len, pieces.split("\n"))) <= 42


HOSTILE = "a --> b <script> &amp; {\\an8} 00:00:01.000 \x1b[31m WEBVTT\n\nNOTE x <c.y>"


def test_text_is_data_in_vtt() -> None:
    cues = parse_vtt("".join(to_vtt([Segment(1, 0, 0.0, 9.0, HOSTILE)])))
    words = " ".join(line for cue in cues for line in cue.lines).split()
    assert words == HOSTILE.replace("\x1b", "\ufffd").split()


def test_text_is_harmless_in_srt() -> None:
    text = "".join(to_srt([Segment(1, 0, 0.0, 9.0, HOSTILE)]))
    cues = parse_srt(text)
    words = " ".join(line for cue in cues for line in cue.lines).replace("\u2060", "").split()
    assert words == HOSTILE.replace("\x1b", "\ufffd").split()
    assert text.count("-->") == len(cues)
    assert not re.search(r"<[a-z/]|\{\\", text)


def test_nothing_gives_an_empty_file_of_its_kind() -> None:
    silent = [Segment(1, 0, 0.0, 1.0, "", failed=True)]
    for segments in ([], silent):
        assert "".join(to_srt(segments)) == ""
        assert "".join(to_vtt(segments)) == "WEBVTT\n"
        assert "".join(to_txt(segments)) == ""


def test_hours_go_on_counting() -> None:
    text = "".join(to_srt([Segment(1, 0, 360_000.0, 360_002.0, "still here")]))
    assert text == "1\n100:00:00,000 --> 100:00:02,000\nstill here\n\n"


def test_a_short_word_stays_long_enough_to_be_read() -> None:
    (cue,) = parse_srt("".join(to_srt([Segment(1, 0, 1.0, 1.2, "yes")])))
    assert (cue.start_ms, cue.end_ms) == (1000, 2000)
