"""Options behind an engine's model."""

from __future__ import annotations

from pathlib import Path

import pytest

from twicetold.engines.options import names, parse_options, up_to, window
from twicetold.engines.registry import engine_info
from twicetold.errors import SettingError

pytestmark = pytest.mark.unit

KNOWN = {"beam": up_to(100), "window_s": window, "languages": names, "prompt": str}


def test_each_is_read_as_its_engine_takes_it() -> None:
    text = "beam=1&window_s=5/20/3&languages=de|en&prompt=Dr. Smith = x"
    assert parse_options("x", text, KNOWN) == {
        "beam": 1,
        "window_s": [5.0, 20.0, 3.0],
        "languages": ["de", "en"],
        "prompt": "Dr. Smith = x",
    }
    assert parse_options("x", "", KNOWN) == {}


@pytest.mark.parametrize(
    "text",
    [
        *("beam=0", "beam=-1", "beam=101", "beam=x", "beam", "beam="),
        *("window_s=5/x", "window_s=5/20", "window_s=-1/20/3", "window_s=5/0/3"),
        *("window_s=nan/20/3", "window_s=5/20/inf", "window_s=5/1e9/3"),
    ],
)
def test_a_value_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="which it does not take"):
        parse_options("x", text, KNOWN)


def test_an_option_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(SettingError, match="no option 'beem'; it has beam, window_s"):
        parse_options("x", "beem=1", KNOWN)
    with pytest.raises(SettingError, match="it has none"):
        parse_options("x", "a=1", {})


def test_options_are_part_of_the_models_name(tmp_path: Path) -> None:
    """So that other options are another plan, and share no chunk."""
    info = engine_info(f"parakeet:{tmp_path}?threads=1&window_s=5/10/3")
    assert info.model == f"{tmp_path.name}?threads=1&window_s=5/10/3"
    assert info.label == f"parakeet:{info.model}"
    with pytest.raises(SettingError, match="no option 'beam'"):
        engine_info(f"parakeet:{tmp_path}?beam=1")
