"""A manifest is read as it was written, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.engines.models.manifest import KeptFile, Manifest

pytestmark = pytest.mark.unit

text = st.text(max_size=5)
files = st.builds(KeptFile, text, st.integers(0, 1 << 40), text)
manifests = st.builds(
    Manifest,
    *[text] * 7,
    st.lists(text, max_size=3).map(tuple),
    text,
    st.lists(files, max_size=3).map(tuple),
)


@given(manifests)
def test_there_and_back(manifest: Manifest) -> None:
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert manifest.size_bytes == sum(file.size_bytes for file in manifest.files)


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{}", '{"files": 3}', '{"files": [], "languages": []}', "3"]
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Manifest.from_json(text)
