"""What ``doctor`` says of the roles at work on a data directory."""

from __future__ import annotations

import pytest

from twicetold.cli.at_work import roles_at_work
from twicetold.data_directory import Holder

pytestmark = pytest.mark.unit


def there(*roles: str) -> tuple[str, str]:
    return roles_at_work(Holder(role, 100 + n, "here", True) for n, role in enumerate(roles))


def test_all_are_there() -> None:
    told = there("gateway", "batch worker", "live worker", "gateway", "recorder")
    assert told == (
        "at work here: 1 × batch worker, 2 × gateway, 1 × live worker, 1 × recorder",
        "",
    )


def test_one_process_is_all_of_them() -> None:
    assert there("serve") == ("at work here: 1 × serve", "")
    assert there("serve", "live worker")[1] == ""


def test_where_nobody_is_there_nobody_is_missed() -> None:
    assert there() == ("none at work here", "")


@pytest.mark.parametrize(
    ("role", "words", "command"),
    [
        ("gateway", "no gateway: nobody can call", "twicetold gateway"),
        (
            "live worker",
            "no live worker: no captions, unless one runs on another machine",
            "twicetold worker live",
        ),
        ("recorder", "no recorder: no recordings", "twicetold worker record"),
        ("batch worker", "no batch worker: no canonical transcripts", "twicetold worker batch"),
    ],
)
def test_one_is_missing(role: str, words: str, command: str) -> None:
    all_roles = ("gateway", "live worker", "recorder", "batch worker")
    detail, commands = there(*(one for one in all_roles if one != role))
    assert detail.endswith(f". But {words}")
    assert commands == command


def test_several_are_missing() -> None:
    detail, commands = there("gateway")
    assert detail.count("no ") >= 3
    assert commands == "twicetold worker live; twicetold worker record; twicetold worker batch"
