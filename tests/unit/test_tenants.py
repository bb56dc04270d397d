"""The tenants file: keys are shown once, changes count at once, and damage never opens the door."""

from __future__ import annotations

import contextlib
import os
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from twicetold.choice.vocabulary import parse_vocabulary
from twicetold.engines import Expected
from twicetold.errors import (
    BadIdentifier,
    Conflict,
    NotFound,
    SettingError,
    Unauthorized,
)
from twicetold.tenants import Tenants, refuse_open_door

pytestmark = pytest.mark.unit


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "somewhere" / "tenants.toml"


def bearer(key: str) -> str:
    return f"Bearer {key}"


def test_without_a_file_everybody_is_the_default_tenant(path: Path) -> None:
    tenants = Tenants.load(path)
    assert tenants.open_mode
    assert tenants.authenticate(None, ()) == "default"
    assert Tenants.load(None).open_mode


def test_a_key_opens_its_tenant_and_is_not_in_the_file(path: Path) -> None:
    tenants = Tenants.load(path)
    key, other = tenants.add("acme"), tenants.add("b-2.x")
    assert re.fullmatch(r"tt_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", key)
    assert not tenants.open_mode
    for known in (tenants, Tenants.load(path)):
        assert known.authenticate(bearer(key), ()) == "acme"
        assert known.authenticate(f"bearer  {other}", ()) == "b-2.x"
        assert known.authenticate(None, ["twicetold.v1", f"twicetold.key.{key}"]) == "acme"
        assert [str(tenant) for tenant in known.list()] == ["acme", "b-2.x"]
    text = path.read_text()
    assert key not in text
    assert key.split("_", 2)[2] not in text  # which may hold, and end with, "_" itself
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["tenants.toml"]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda key: None,
        lambda key: "",
        lambda key: key,
        lambda key: f"Basic {key}",
        lambda key: f"Bearer {key[:-1]}",
        lambda key: f"Bearer {key}x",
        lambda key: "Bearer " + key[:-1] + ("A" if key[-1] != "A" else "B"),
        lambda key: "Bearer tt_000000000000_" + "a" * 43,
        lambda key: "Bearer é",
        lambda key: "Bearer",
    ],
)
def test_anything_but_the_key_is_refused(path: Path, wrong: object) -> None:
    tenants = Tenants.load(path)
    key = tenants.add("acme")
    with pytest.raises(Unauthorized) as refused:
        tenants.authenticate(wrong(key), ())  # type: ignore[operator]
    assert key not in refused.value.message + refused.value.hint


def test_a_rotated_key_replaces_the_old_one(path: Path) -> None:
    tenants = Tenants.load(path)
    old = tenants.add("acme")
    new = tenants.rotate("acme")
    assert tenants.authenticate(bearer(new), ()) == "acme"
    with pytest.raises(Unauthorized):
        tenants.authenticate(bearer(old), ())


def test_without_tenants_left_nobody_comes_in(path: Path) -> None:
    tenants = Tenants.load(path)
    key = tenants.add("acme")
    tenants.remove("acme")
    for known in (tenants, Tenants.load(path)):
        assert not known.open_mode
        with pytest.raises(Unauthorized):
            known.authenticate(bearer(key), ())


def test_names_are_checked(path: Path) -> None:
    tenants = Tenants.load(path)
    tenants.add("acme")
    with pytest.raises(Conflict, match="already"):
        tenants.add("acme")
    for name in ("../x", "", "a b", 'x"]', "é"):
        with pytest.raises(BadIdentifier):
            tenants.add(name)
    with pytest.raises(NotFound):
        tenants.rotate("nobody")
    with pytest.raises(NotFound):
        tenants.remove("nobody")
    with pytest.raises(SettingError):
        Tenants.load(None).add("acme")
    assert list(tomllib.loads(path.read_text())["tenants"]) == ["acme"]


def test_what_another_process_changes_counts_within_a_second(path: Path) -> None:
    clock = Clock()
    serving, command = Tenants(path, clock), Tenants.load(path)
    key = command.add("acme")
    assert serving.open_mode  # not looked yet
    clock.now += 1.0
    assert not serving.open_mode
    assert serving.authenticate(bearer(key), ()) == "acme"
    new = command.rotate("acme")
    clock.now += 1.0
    assert serving.authenticate(bearer(new), ()) == "acme"
    with pytest.raises(Unauthorized):
        serving.authenticate(bearer(key), ())


def test_two_processes_that_add_lose_nobody(path: Path) -> None:
    one, two = Tenants.load(path), Tenants.load(path)
    one.add("a")
    two.add("b")
    one.add("c")
    assert [tenant.name for tenant in Tenants.load(path).list()] == ["a", "b", "c"]


@pytest.mark.parametrize("damage", ["remove", "garbage", "not toml tables", "unreadable"])
def test_a_damaged_file_never_opens_the_server(path: Path, damage: str) -> None:
    clock = Clock()
    serving = Tenants(path, clock)
    key = serving.add("acme")
    if damage == "remove":
        path.unlink()
    elif damage == "unreadable":
        path.unlink()
        path.mkdir()
    else:
        path.write_text("[[[" if damage == "garbage" else 'tenants = "all"')
    clock.now += 2.0
    assert not serving.open_mode
    assert serving.authenticate(bearer(key), ()) == "acme"
    with pytest.raises(Unauthorized):
        serving.authenticate(None, ())


@pytest.mark.parametrize(
    "text",
    [
        "[[[",
        "x = 1",
        "tenants = 1",
        "[tenants.a]\nkey_id = 1",
        '[tenants."a/b"]\nkey_id="1"\nkey_sha256="2"\ncreated_at="3"',
        '[tenants.a]\nkey_id="1"\nkey_sha256="short"\ncreated_at="3"',
        '[tenants.a]\nkey="tt_1"',
    ],
)
def test_a_file_that_is_wrong_is_refused_at_the_start(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(SettingError) as refused:
        Tenants.load(path)
    assert "tenants.toml" in refused.value.message
    assert path.read_text() == text


def test_a_file_of_bytes_that_are_no_text_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(os.urandom(64) + b"\xff")
    with pytest.raises(SettingError):
        Tenants.load(path)


# --- who is let in without a key ---


@pytest.mark.parametrize(
    ("host", "open_to_others"),
    [
        ("127.0.0.1", False),
        ("127.9.8.7", False),
        ("::1", False),
        ("localhost", False),
        ("LOCALHOST", False),
        ("::", True),
        ("0.0.0.0", True),
        ("10.0.0.1", True),
        ("localhost.example.com", True),
    ],
)
def test_only_this_machine_needs_no_tenants(
    host: str, open_to_others: bool, tmp_path: Path
) -> None:
    file = tmp_path / "t.toml"
    if open_to_others:
        with pytest.raises(SettingError, match="tenants file"):
            refuse_open_door(host, file)
        file.touch()
    refuse_open_door(host, file)


@given(
    st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters="<>,"))
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_a_vocabulary_comes_back_as_it_was(path: Path, word: str) -> None:
    try:
        terms = parse_vocabulary(word)
    except ValueError:
        return
    tenants = Tenants.load(path)
    with contextlib.suppress(Conflict):
        tenants.add("acme")
    tenants.wish("acme", {"vocabulary": ", ".join(terms), "languages": "de|en"})
    assert Tenants.load(path).wishes("acme").expected == Expected(terms, ("de", "en"))


def test_a_vocabulary_that_is_wrong_is_in_no_log(path: Path) -> None:
    clock = Clock()
    Tenants.load(path).add("acme")
    tenants = Tenants(path, clock)
    path.write_text(path.read_text() + 'vocabulary = "' + "secret" * 20 + '"\n')
    clock.now += 2
    with capture_logs() as logs:
        assert not tenants.wishes("acme").expected
    assert [entry["event"] for entry in logs] == ["tenants.file_refused"]
    assert "120 letters in term 1" in logs[0]["reason"]
    assert "secret" not in str(logs)


def test_what_is_made_of_a_tenants_calls_is_kept_beside_its_engines(tmp_path: Path) -> None:
    tenants = Tenants(tmp_path / "tenants.toml")
    tenants.add("acme")
    tenants.wish("acme", {"redact": "phone, card_number", "allow_remote": "openai"})
    now = tenants.wish("acme", {"redact_style": "mask"})
    assert now.enrichment.kinds == {"phone", "card_number"}
    assert (now.enrichment.style, now.wishes.allow_remote) == ("mask", "openai")
    key = tenants.rotate("acme")
    again = Tenants(tmp_path / "tenants.toml")
    assert again.authenticate(f"Bearer {key}") == "acme"
    assert again.enrichment("acme") == now.enrichment
    assert not again.enrichment("nobody").redacts


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("redact", "Phone!"),
        ("redact_style", "blur"),
        ("redact_sound", "duck"),
        ("keep_original_h", "-1"),
        ("keep_original_h", "soon"),
        ("sentiment", "magic"),
        ("speakers", "two people"),
    ],
)
def test_a_wrong_wish_for_enrichment_is_refused(tmp_path: Path, name: str, value: str) -> None:
    tenants = Tenants(tmp_path / "tenants.toml")
    tenants.add("acme")
    with pytest.raises(SettingError, match=f"{name} got '{value}'; it takes"):
        tenants.wish("acme", {name: value})
    assert tenants.enrichment("acme").told()[name] is None
