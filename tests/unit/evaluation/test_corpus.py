"""Which recordings have references, in the layouts in which people have them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from twicetold.errors import BadParameter
from twicetold.evaluation.beside import beside, sample_reference
from twicetold.evaluation.corpus import Corpus, from_manifest, from_recordings, manifest_of, some_of

pytestmark = pytest.mark.unit


def put(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def said(corpus: Corpus) -> dict[str, str]:
    return {item.name: " ".join(s.text for s in item.reference.said) for item in corpus.items}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("talk.txt", "hello there\n"),
        ("talk.wav.txt", "hello there"),
        ("talk.srt", "1\n00:00:00,000 --> 00:00:01,000\nhello there\n"),
        ("talk.vtt", "WEBVTT\n\n00:00.000 --> 00:01.000\nhello there\n"),
        ("talk.json", '{"segments": [{"start": 0, "channel": 0, "text": "hello there"}]}'),
        ("12-34.trans.txt", "other NOT THIS\ntalk hello there\nempty\n"),
    ],
)
def test_a_reference_lies_beside_its_recording(tmp_path: Path, name: str, text: str) -> None:
    put(tmp_path / name, text)
    found = beside(tmp_path / "talk.wav")
    assert found is not None
    assert " ".join(each.text for each in found[0].said).split() == ["hello", "there"]
    assert found[1] == tmp_path / name


def test_what_has_none_and_what_cannot_be_read_is_told_apart(tmp_path: Path) -> None:
    put(tmp_path / "good.txt", "yes")
    (tmp_path / "bad.txt").write_bytes(b"caf\xe9")
    put(tmp_path / "other.json", '{"some": "thing"}')
    names = ["good.wav", "bad.wav", "other.wav", "nothing.wav"]
    corpus = from_recordings((tmp_path / name, name) for name in names)
    assert said(corpus) == {"good.wav": "yes"}
    assert corpus.without == ["other.wav", "nothing.wav"]
    assert ["bad.txt" in error.message for error in corpus.unreadable] == [True]


SAMPLE = {
    "language": "en",
    "files": {"c.stereo.flac": {"channels": 2}, "c.mono.flac": {"channels": 1}},
    "channels": [{"channel": 0, "speaker": "agent"}, {"channel": 1, "speaker": "caller"}],
    "utterances": [
        {"channel": 1, "start": 2.0, "text": "My name is Ann."},
        {"channel": 0, "start": 0.0, "text": "Hello!"},
    ],
}


def test_a_sample_call_has_one_reference_for_all_its_files(tmp_path: Path) -> None:
    put(tmp_path / "c.json", json.dumps(SAMPLE))
    stereo, mono = (beside(tmp_path / name) for name in SAMPLE["files"])
    assert stereo is not None
    assert mono is not None
    assert [said.channel for said in stereo[0].said] == [0, 1]
    assert [said.channel for said in mono[0].said] == [0, 0]
    assert stereo[0].names == {0: "agent", 1: "caller"}
    assert stereo[0].language == "en"
    assert sample_reference(tmp_path / "c.stereo.flac") == stereo[0]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"utterances": 3}'])
def test_another_json_file_is_no_sample(tmp_path: Path, text: str) -> None:
    assert sample_reference(tmp_path / "c.wav") is None
    put(tmp_path / "c.json", text or json.dumps(SAMPLE))
    assert sample_reference(tmp_path / "c.wav") is None
    assert beside(tmp_path / "c.wav") is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("manifest.tsv", 'path\ttext\na.wav\thello\nb.wav\tit\'s "quoted"\n'),
        ("manifest.tsv", 'a.wav\thello\r\nb.wav\tit\'s "quoted"\r\n'),
        ("test.tsv", 'client_id\tpath\tsentence\nx\ta.wav\thello\ny\tb.wav\tit\'s "quoted"\n'),
        ("manifest.csv", 'file,reference\na.wav,hello\nb.wav,"it\'s ""quoted"""\n'),
        (
            "manifest.jsonl",
            '{"audio_filepath": "a.wav", "text": "hello", "duration": 1.5, "lang": null}\n\n'
            '{"audio_filepath": "b.wav", "text": "it\'s \\"quoted\\""}\n',
        ),
    ],
)
def test_manifests(tmp_path: Path, name: str, text: str) -> None:
    put(tmp_path / "a.wav")
    put(tmp_path / "clips" / "b.wav")  # where Common Voice has them
    manifest = put(tmp_path / name, text)
    assert manifest_of(tmp_path) == manifest_of(manifest) == manifest
    corpus = from_manifest(manifest)
    assert said(corpus) == {"a.wav": "hello", "b.wav": 'it\'s "quoted"'}
    assert [item.reference.language for item in corpus.items] == [None, None]


def test_a_manifest_may_name_languages_and_files_of_text(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav", "c.wav"):
        put(tmp_path / "speech" / name)
    put(tmp_path / "speech" / "a.txt", "guten Tag")
    rows = "file,language,reference\na.wav,de,a.txt\nb.wav,en,\nc.wav,en,c.txt\ngone.wav,en,hi\n"
    rows += "a.wav,de,nochmal\n"
    corpus = from_manifest(put(tmp_path / "manifest.csv", rows))
    assert said(corpus) == {"a.wav": "guten Tag", "c.wav": "c.txt"}  # no such file: it is the text
    assert corpus.items[0].reference.language == "de"
    assert corpus.without == ["b.wav"]
    named = [error.message.partition(":")[0] for error in corpus.unreadable]
    assert named == ["gone.wav", "a.wav"]  # not there, and there twice


@pytest.mark.parametrize(
    ("name", "text"), [("manifest.jsonl", "[1]"), ("manifest.jsonl", '{"text": "hello"}')]
)
def test_what_is_no_manifest_is_said(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(BadParameter, match=r"manifest\.jsonl"):
        from_manifest(put(tmp_path / name, text))


def test_a_recording_is_no_manifest(tmp_path: Path) -> None:
    assert manifest_of(put(tmp_path / "a.wav")) is None
    assert manifest_of(tmp_path) is None


def test_some_are_always_the_same_some(tmp_path: Path) -> None:
    for number in range(30):
        put(tmp_path / f"{number:02}.txt", "word")
    found = from_recordings((tmp_path / f"{n:02}.wav", f"{n:02}") for n in range(30)).items
    some = some_of(found, 5)
    assert some == some_of(found, 5)
    assert [item.name for item in some] == sorted(item.name for item in some)
    assert len({item.name for item in some}) == 5
    assert some_of(found, 99) == found
