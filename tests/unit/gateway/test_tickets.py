"""Tickets open one call of one tenant for a while, and nothing else."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from twicetold.errors import Unauthorized
from twicetold.gateway.schemas import TicketScope
from twicetold.gateway.ticket_secret import ticket_secret
from twicetold.gateway.tickets import LIFETIME_S, Tickets
from twicetold.speech.identity import CallKey
from twicetold.tenants import Tenants

pytestmark = pytest.mark.unit

KEY = CallKey("acme", "call-1")
SECRET = b"0123456789abcdef" * 2
MEDIA, CAPTIONS = TicketScope.MEDIA, TicketScope.CAPTIONS


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def tenants(tmp_path: Path) -> Tenants:
    tenants = Tenants.load(tmp_path / "tenants.toml")
    tenants.add("acme")
    tenants.add("other")
    return tenants


def test_a_ticket_names_its_tenant_until_it_runs_out(tenants: Tenants) -> None:
    clock = Clock()
    tickets = Tickets(tenants, SECRET, clock)
    ticket = tickets.issue(KEY)
    clock.now += LIFETIME_S
    assert tickets.tenant(ticket, "call-1", MEDIA) == "acme"
    clock.now += 1
    with pytest.raises(Unauthorized):
        tickets.tenant(ticket, "call-1", MEDIA)


@pytest.mark.parametrize(
    "forge",
    [
        lambda t: t.replace("acme", "other"),
        lambda t: t[:-1] + ("0" if t[-1] != "0" else "1"),
        lambda t: "~".join((t.split("~")[0], "9999999999", *t.split("~")[2:])),
        lambda t: t.replace("media", "captions"),
        lambda t: t.split("~")[0],
        lambda t: "",
        lambda t: "acme~~",
        lambda t: t + "é",
        lambda t: "nobody" + t[4:],
        lambda t: "\ud800~1~2",
    ],
)
def test_a_forged_ticket_is_refused(tenants: Tenants, forge: object) -> None:
    tickets = Tickets(tenants, SECRET)
    forged = forge(tickets.issue(KEY))  # type: ignore[operator]
    with pytest.raises(Unauthorized):
        tickets.tenant(forged, "call-1", MEDIA)


def test_a_ticket_is_for_its_call_and_its_server_only(tenants: Tenants) -> None:
    ticket = Tickets(tenants, SECRET).issue(KEY)
    with pytest.raises(Unauthorized):
        Tickets(tenants, SECRET[::-1]).tenant(ticket, "call-1", MEDIA)
    tickets = Tickets(tenants, SECRET)
    with pytest.raises(Unauthorized):
        tickets.tenant(tickets.issue(KEY), "call-2", MEDIA)


def test_a_ticket_dies_with_its_key(tenants: Tenants) -> None:
    tickets = Tickets(tenants, SECRET)
    ticket = tickets.issue(KEY)
    tenants.rotate("acme")
    with pytest.raises(Unauthorized):
        tickets.tenant(ticket, "call-1", MEDIA)
    ticket = tickets.issue(KEY)
    tenants.remove("acme")
    with pytest.raises(Unauthorized):
        tickets.tenant(ticket, "call-1", MEDIA)


def test_without_tenants_the_default_one_has_tickets(tmp_path: Path) -> None:
    tickets = Tickets(Tenants.load(tmp_path / "tenants.toml"), SECRET)
    assert tickets.tenant(tickets.issue(CallKey("default", "c")), "c", MEDIA) == "default"


def test_a_ticket_opens_what_its_scope_says(tenants: Tenants) -> None:
    tickets = Tickets(tenants, SECRET)
    ticket = tickets.issue(KEY, CAPTIONS, 3600)
    assert tickets.tenant(ticket, "call-1", CAPTIONS) == "acme"
    assert tickets.tenant(ticket, "call-1", MEDIA, CAPTIONS) == "acme"
    with pytest.raises(Unauthorized):
        tickets.tenant(ticket, "call-1", MEDIA)


def test_the_secret_stays_the_same_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "ticket.key"
    secret = ticket_secret(path)
    assert len(secret) == 32
    assert ticket_secret(path) == secret
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["ticket.key"]


def test_a_file_system_without_links_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "ticket.key"
    assert ticket_secret(path) == ticket_secret(path) == path.read_bytes()
    assert [entry.name for entry in tmp_path.iterdir()] == ["ticket.key"]


def test_a_damaged_secret_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "ticket.key"
    path.write_bytes(b"short")
    secret = ticket_secret(path)
    assert len(secret) == 32
    assert path.read_bytes() == secret


@pytest.mark.parametrize("links", [True, False])
def test_gateways_that_start_together_sign_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "ticket.key"
    for before in (None, b"short"):
        if before is not None:
            path.write_bytes(before)
        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(lambda _: ticket_secret(path), range(32)))) == 1
