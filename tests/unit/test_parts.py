"""Without its package, a broker says what to install."""

from __future__ import annotations

import sys

import pytest

import twicetold.broker
from twicetold.errors import MissingExtra
from twicetold.parts import try_broker

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("scheme", "package", "module"),
    [
        ("kafka", "confluent-kafka", "confluent_kafka"),
        ("rabbitmq", "aio-pika", "aio_pika"),
    ],
)
async def test_a_broker_whose_package_is_missing_names_it(
    monkeypatch: pytest.MonkeyPatch, scheme: str, package: str, module: str
) -> None:
    for name in list(sys.modules):
        if name.startswith((f"twicetold.broker.{scheme}", module)):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(twicetold.broker, scheme, raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=package) as missing:
        await try_broker(f"{scheme}://127.0.0.1:1")
    assert missing.value.hint == f"pip install 'twicetold[{scheme}]'"
