"""References out of text and subtitles: what our own writers wrote is read back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.evaluation.reference import Reference
from twicetold.evaluation.written import of_srt, of_txt, of_vtt
from twicetold.speech import subtitles
from twicetold.speech.transcript import Segment, Word

pytestmark = pytest.mark.unit

WORDS = st.lists(
    st.sampled_from(["so", "I'm", "a<b", "R&D", "{x}", "—", "12:30", "ja"]), min_size=1
)


@st.composite
def calls(draw: st.DrawFn) -> list[Segment]:
    """Segments of two channels by time, at least one of each."""
    segments, now = [], 0.0
    channels = draw(st.lists(st.integers(0, 1), max_size=6))
    for number, channel in enumerate([0, 1, *channels]):
        texts = draw(WORDS)
        words = tuple(Word(now + n, now + n + 0.9, text) for n, text in enumerate(texts))
        end = words[-1].end
        segments.append(Segment(number, channel, now, end, " ".join(texts), words))
        now = end + draw(st.sampled_from([0.1, 5.0]))
    return segments


def by_channel(reference: Reference) -> dict[int | None, list[str]]:
    found: dict[int | None, list[str]] = {}
    for said in sorted(reference.said, key=lambda said: said.start):
        found.setdefault(said.channel, []).extend(said.text.split())
    return found


WRITERS = [(subtitles.to_txt, of_txt), (subtitles.to_srt, of_srt), (subtitles.to_vtt, of_vtt)]


@pytest.mark.parametrize(("write", "read"), WRITERS)
@given(segments=calls())
def test_what_we_write_is_read_back_word_for_word(
    write: Callable[[list[Segment]], list[str]],
    read: Callable[[str], Reference],
    segments: list[Segment],
) -> None:
    said: dict[int | None, list[str]] = {}
    for segment in segments:
        said.setdefault(segment.channel, []).extend(segment.text.split())
    assert by_channel(read("".join(write(segments)))) == said


@pytest.mark.parametrize(("write", "read"), WRITERS)
def test_one_voice_has_no_channel(
    write: Callable[[list[Segment]], list[str]], read: Callable[[str], Reference]
) -> None:
    words = (Word(0.0, 0.4, "well,"), Word(0.5, 0.9, "yes"))
    only = [Segment(1, 0, 0.0, 0.9, "well, yes", words)]
    assert by_channel(read("".join(write(only)))) == {None: ["well,", "yes"]}


def test_a_colon_is_no_voice() -> None:
    assert of_txt("Note: it works\nnothing more").said[0].text == "Note: it works"
    assert of_txt("Note: it works\nNote: twice").said[1].text == "Note: twice"


def test_speakers_are_no_words_even_where_they_are_no_channels() -> None:
    reference = of_txt("anna: hello\nbob: good morning\n")
    assert by_channel(reference) == {None: ["hello", "good", "morning"]}


def test_subtitles_of_other_programs() -> None:
    srt = "\ufeff1\r\n00:00:01,000 --> 00:00:02,000\r\n{\\an8}<i>Hello</i>\r\nthere\r\n\r\n2\r\n"
    assert by_channel(of_srt(srt)) == {None: ["Hello", "there"]}
    vtt = (
        "WEBVTT - by hand\n\nNOTE nobody says this\n\nSTYLE\n::cue { color: red }\n\n"
        "intro\n01:02.500 --> 01:03.000 align:left\n<v.loud Anna>Fish &amp; chips</v>\n"
    )
    reference = of_vtt(vtt)
    assert by_channel(reference) == {None: ["Fish", "&", "chips"]}
    assert reference.said[0].start == 62.5
