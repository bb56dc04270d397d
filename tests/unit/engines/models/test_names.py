"""Names of files that come from outside stay inside."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from twicetold.engines.models.manifest import MANIFEST
from twicetold.engines.models.names import chosen, refuse_unsafe
from twicetold.errors import DownloadFailed

pytestmark = pytest.mark.unit


@given(st.text(st.sampled_from("./\\a\0\n~"), max_size=12))
@example("../x")
@example("a/../../x")
@example("/x")
def test_what_is_accepted_lies_below_its_directory(path: str) -> None:
    try:
        refuse_unsafe(path)
    except DownloadFailed:
        return
    assert not PurePosixPath(path).is_absolute()
    assert ".." not in PurePosixPath(path).parts
    assert str(PurePosixPath("root") / path) == f"root/{path}"
    assert not {"\0", "\n", "\\"} & set(path)


@pytest.mark.parametrize("path", ["model.bin", "onnx/model.int8.onnx", "a b.txt", "ü.json"])
def test_usual_names_are_accepted(path: str) -> None:
    refuse_unsafe(path)


def test_our_own_file_is_nobody_elses() -> None:
    with pytest.raises(DownloadFailed):
        refuse_unsafe(MANIFEST)


def test_patterns_stay_within_a_folder() -> None:
    there = ["config.json", "vocabulary.txt", "vocabulary./x", "onnx/config.json", "more.json"]
    assert chosen(there, ("config.json", "vocabulary.*"), ("none.*",)) == there[:2]
    assert chosen(there, ("onnx/*.json",), ("more.*",)) == there[3:]
    with pytest.raises(LookupError, match=r"model\.bin"):
        chosen(there, ("config.json", "model.bin"), ())
