"""Tickets open one call of one tenant for a while, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from twicetold.errors import Unauthorized
from twicetold.gateway.tickets import LIFETIME_S, Tickets
from twicetold.speech.identity import CallKey
from twicetold.tenants import Tenants

pytestmark = pytest.mark.unit

KEY = CallKey("acme", "call-1")


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
    tickets = Tickets(tenants, clock)
    ticket = tickets.issue(KEY)
    clock.now += LIFETIME_S
    assert tickets.tenant(ticket, "call-1") == "acme"
    clock.now += 1
    with pytest.raises(Unauthorized):
        tickets.tenant(ticket, "call-1")


@pytest.mark.parametrize(
    "forge",
    [
        lambda t: t.replace("acme", "other"),
        lambda t: t[:-1] + ("0" if t[-1] != "0" else "1"),
        lambda t: "~".join((t.split("~")[0], "9999999999", t.split("~")[2])),
        lambda t: t.split("~")[0],
        lambda t: "",
        lambda t: "acme~~",
        lambda t: t + "é",
        lambda t: "nobody" + t[4:],
        lambda t: "\ud800~1~2",
    ],
)
def test_a_forged_ticket_is_refused(tenants: Tenants, forge: object) -> None:
    tickets = Tickets(tenants)
    forged = forge(tickets.issue(KEY))  # type: ignore[operator]
    with pytest.raises(Unauthorized):
        tickets.tenant(forged, "call-1")


def test_a_ticket_is_for_its_call_and_its_process_only(tenants: Tenants) -> None:
    ticket = Tickets(tenants).issue(KEY)
    with pytest.raises(Unauthorized):
        Tickets(tenants).tenant(ticket, "call-1")
    tickets = Tickets(tenants)
    with pytest.raises(Unauthorized):
        tickets.tenant(tickets.issue(KEY), "call-2")


def test_a_ticket_dies_with_its_key(tenants: Tenants) -> None:
    tickets = Tickets(tenants)
    ticket = tickets.issue(KEY)
    tenants.rotate("acme")
    with pytest.raises(Unauthorized):
        tickets.tenant(ticket, "call-1")
    ticket = tickets.issue(KEY)
    tenants.remove("acme")
    with pytest.raises(Unauthorized):
        tickets.tenant(ticket, "call-1")


def test_without_tenants_the_default_one_has_tickets(tmp_path: Path) -> None:
    tickets = Tickets(Tenants.load(tmp_path / "tenants.toml"))
    assert tickets.tenant(tickets.issue(CallKey("default", "c")), "c") == "default"
