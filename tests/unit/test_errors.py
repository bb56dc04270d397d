"""The error tree is whole: every leaf has a code, a hint and its place in the picture."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from twicetold import errors
from twicetold.errors import TwicetoldError

pytestmark = pytest.mark.unit


def tree(kind: type[TwicetoldError] = TwicetoldError) -> Iterator[type[TwicetoldError]]:
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield below
            yield from tree(below)


LEAVES = [kind for kind in tree() if not list(tree(kind))]


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.code)
def test_a_leaf_has_a_code_a_hint_and_a_place(kind: type[TwicetoldError]) -> None:
    assert "code" in vars(kind)
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code)
    assert kind.default_hint.endswith("."), "what to do, in a sentence"
    assert re.search(rf"─ {kind.__name__}\b.* {kind.code}\b", errors.__doc__ or "")


def test_no_code_is_used_twice() -> None:
    codes = [kind.code for kind in (TwicetoldError, *tree())]
    assert len(set(codes)) == len(codes)


def test_what_is_raised_as_a_branch_says_what_to_do_as_well() -> None:
    assert errors.Unavailable("The server is stopping.").hint


def test_the_picture_shows_no_error_that_is_not_there() -> None:
    shown = re.findall(r"─ (\w+)", errors.__doc__ or "")
    assert sorted(shown) == sorted(kind.__name__ for kind in tree())


def test_clients_are_not_told_where_in_the_house_something_is() -> None:
    away = errors.Unavailable(
        "Redis at 10.0.0.5:6379/0 does not answer.", "See sessions.", away=True
    )
    assert away.message.startswith("Redis at 10.0.0.5")  # for the log
    assert away.to_dict() == {
        "code": "unavailable",
        "message": "A part of the server does not answer.",
        "hint": errors.Unavailable.default_hint,
        "retryable": True,
    }
    assert errors.Unavailable("The server stops.").to_dict()["message"] == "The server stops."
