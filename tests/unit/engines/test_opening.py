"""Several engines opened at once, and which of them one can do without."""

from __future__ import annotations

import pytest

from twicetold.engines import EngineInfo
from twicetold.engines.opening import Wanted, open_all
from twicetold.errors import EngineFailed, MissingExtra, SettingError

pytestmark = pytest.mark.unit


class Opened:
    """A test double: an engine that says whether it was closed."""

    def __init__(self, name: str) -> None:
        self.info = EngineInfo(name, "", ("*",), live=True, batch=True, word_times=True)
        self.closed = False

    async def aclose(self) -> None:
        self.closed = True


class Opener:
    def __init__(self, **errors: Exception) -> None:
        self._errors = errors
        self.opened: list[Opened] = []

    async def __call__(self, name: str) -> Opened:
        if name in self._errors:
            raise self._errors[name]
        self.opened.append(Opened(name))
        return self.opened[-1]


async def test_each_engine_is_opened_once_in_order() -> None:
    members = await open_all(Wanted(("a", "b"), ("b", "c")), Opener())
    assert list(members) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("b", EngineFailed("away")),
        ("c", EngineFailed("away")),
        ("c", SettingError("no key")),
        ("c", MissingExtra("no package")),
    ],
)
async def test_what_one_can_do_without_does_not_end_the_start(name: str, error: Exception) -> None:
    members = await open_all(Wanted(("a", "b"), ("c",)), Opener(**{name: error}))
    assert sorted(members) == sorted({"a", "b", "c"} - {name})


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("a", EngineFailed("away")),
        ("b", SettingError("no key")),
        ("b", MissingExtra("no package")),
        ("c", ZeroDivisionError("a mistake of ours")),
    ],
)
async def test_what_one_cannot_do_without_does_and_leaves_nothing_open(
    name: str, error: Exception
) -> None:
    opener = Opener(**{name: error})
    with pytest.raises(type(error)):
        await open_all(Wanted(("a", "b"), ("c",)), opener)
    assert opener.opened
    assert all(engine.closed for engine in opener.opened)


async def test_nothing_wanted_is_nothing_open() -> None:
    assert await open_all(Wanted(()), Opener()) == {}
