"""From what a setting names to a directory, without asking anybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from twicetold.engines.models.resolving import directory_of
from twicetold.errors import ModelMissing, SettingError

pytestmark = pytest.mark.unit


def test_a_path_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for text in (str(tmp_path / "mine"), "./mine", "mine", "~/mine"):
        for models_dir in (None, tmp_path / "none"):
            assert directory_of("any", text, models_dir).samefile(tmp_path / "mine")


@pytest.mark.parametrize("text", ["/there/is/none", "./none", "../none", "~/none-of-that-name"])
def test_a_path_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")  # beside a clone there may be anything
    with pytest.raises(ModelMissing, match=r"there is no directory .*none") as missing:
        directory_of("any", text, None)
    assert "any:/models/NAME" in missing.value.hint


def test_a_name_of_the_catalogue_comes_with_the_command_that_fetches_it(tmp_path: Path) -> None:
    for text, name in [("tiny", "tiny"), ("turbo", "large-v3-turbo")]:
        with pytest.raises(ModelMissing, match=f"needs the model {name}") as missing:
            directory_of("whisper", text, tmp_path)
        assert missing.value.hint == f"twicetold models pull {name}"


def test_a_name_that_nobody_knows_is_told_a_near_one(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="knows no model 'tinny'") as missing:
        directory_of("whisper", "tinny", tmp_path)
    assert missing.value.hint.startswith("Did you mean whisper:tiny? ")


def test_no_name_at_all_is_a_wrong_setting() -> None:
    with pytest.raises(SettingError, match="needs a model, and none was named"):
        directory_of("whisper", "", None)
