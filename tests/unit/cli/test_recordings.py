"""Which files a command line names, and where their text goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from twicetold.cli.recordings import Recording, find_recordings, output_names, write_whole
from twicetold.errors import BadParameter

pytestmark = pytest.mark.unit


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.wav", "b.MP3", "notes.txt", "deep/c.flac", "deep/a.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def names(found: list[Recording]) -> list[str]:
    return sorted(str(recording.name) for recording in found)


def test_a_folder_gives_its_recordings_with_their_path_below_it(folder: Path) -> None:
    found, missing = find_recordings([str(folder)])
    assert names(found) == ["a.wav", "b.MP3", "deep/a.wav", "deep/c.flac"]
    assert missing == []


def test_a_pattern_the_shell_did_not_expand_is_expanded(folder: Path) -> None:
    found, missing = find_recordings([str(folder / "**" / "*.wav"), str(folder / "*.aiff")])
    assert {recording.path for recording in found} == {folder / "a.wav", folder / "deep/a.wav"}
    assert missing == [str(folder / "*.aiff")]


def test_a_file_that_is_named_may_be_called_anything_and_counts_once(folder: Path) -> None:
    text = str(folder / "notes.txt")
    found, missing = find_recordings([text, text, str(folder / "deep" / ".." / "notes.txt"), "no"])
    assert names(found) == ["notes.txt"]
    assert missing == ["no"]


def test_a_name_with_brackets_is_a_file_before_it_is_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "call [1].wav").touch()
    found, missing = find_recordings([str(tmp_path / "call [1].wav")])
    assert names(found) == ["call [1].wav"]
    assert missing == []


def recording(path: str, name: str | None = None) -> Recording:
    return Recording(Path(path), Path(name or Path(path).name))


def test_outputs_keep_the_suffix_only_where_names_would_clash() -> None:
    made = output_names([recording("a.wav"), recording("a.mp3"), recording("b.wav")], ".srt")
    assert [str(name) for name in made.values()] == ["a.wav.srt", "a.mp3.srt", "b.srt"]


def test_outputs_that_clash_all_the_same_are_refused() -> None:
    with pytest.raises(BadParameter, match=r"a\.wav\.txt"):
        output_names([recording("x/a.wav"), recording("y/a.wav")], ".txt")


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    write_whole(path, ["one ", "two"])
    assert path.read_text() == "one two"

    def failing() -> list[str]:
        raise ValueError

    with pytest.raises(ValueError):
        write_whole(path, (piece for _ in range(1) for piece in failing()))
    assert path.read_text() == "one two"
    assert [entry.name for entry in path.parent.iterdir()] == ["a.txt"]
