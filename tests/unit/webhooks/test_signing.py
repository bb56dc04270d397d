"""Signatures are those of the Standard Webhooks specification."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from pathlib import Path
from typing import Any

import pytest

from twicetold.webhooks import Event, event_id
from twicetold.webhooks.signing import headers, new_secret, signature

pytestmark = pytest.mark.unit


def test_a_receiver_finds_the_signature_by_the_specification() -> None:
    secret = new_secret()
    body = Event("evt_1", "acme", "call.completed", 1_795_172_400.5, "call-1", {"é": 1}).to_bytes()
    told = headers(secret, "evt_1", 1_795_172_401, body)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = hmac.new(key, b"evt_1.1795172401." + body, hashlib.sha256).digest()
    assert told == {
        "webhook-id": "evt_1",
        "webhook-timestamp": "1795172401",
        "webhook-signature": "v1," + base64.b64encode(expected).decode(),
    }
    assert len(key) >= 24  # as the specification wants


def test_a_signature_that_openssl_made_is_the_same() -> None:
    """printf 'evt_1.1614265330.{"a":1}' | openssl dgst -sha256 -hmac 'a key of 24 bytes or so'"""
    secret = "whsec_" + base64.b64encode(b"a key of 24 bytes or so").decode()
    made = base64.b64decode(signature(secret, "evt_1", 1614265330, b'{"a":1}').removeprefix("v1,"))
    assert made.hex() == OPENSSL


def test_the_receiver_of_the_documentation_finds_who_is_who() -> None:
    page = (Path(__file__).parents[3] / "docs/how-to/webhooks.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(page.split("```python\n")[1].split("```")[0], names)
    is_ours, secret, body = names["is_ours"], new_secret(), b'{"id": "evt_1"}'
    told = headers(secret, "evt_1", int(time.time()), body)
    assert is_ours(secret, told, body)
    both = {**told, "webhook-signature": f"v1,b2xk {told['webhook-signature']}"}
    assert is_ours(secret, both, body)
    turned = headers(new_secret(), "evt_1", int(time.time()), body, secret)
    assert is_ours(secret, turned, body)
    assert not is_ours(secret, told, body + b" ")
    assert not is_ours(new_secret(), told, body)
    assert not is_ours(secret, headers(secret, "evt_1", int(time.time()) - 600, body), body)


OPENSSL = "c2345d702914d8ecc67d84c9115cf5bdf08bb26c73d049428f291207ce16f5d6"


@pytest.mark.parametrize("change", ["secret", "id", "timestamp", "body"])
def test_whatever_is_changed_changes_the_signature(change: str) -> None:
    secret = new_secret()
    values = {"secret": secret, "id": "evt_1", "timestamp": 1, "body": b"{}"}
    others = {"secret": new_secret(), "id": "evt_2", "timestamp": 2, "body": b"{} "}
    assert signature(*values.values()) != signature(*{**values, change: others[change]}.values())


def test_what_is_no_secret_signs_nothing() -> None:
    with pytest.raises(ValueError):
        signature("whsec_no secret!", "evt_1", 1, b"{}")


def test_the_same_happening_has_the_same_id_and_no_other() -> None:
    assert event_id("call.completed", "acme", "c", "x") == event_id(
        "call.completed", "acme", "c", "x"
    )
    assert event_id("a", "b\nc") != event_id("a", "b", "c")
    assert event_id("a", "bc") != event_id("a", "b", "c")
