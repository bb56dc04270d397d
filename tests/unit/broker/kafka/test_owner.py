"""Whose log it is, where Kafka is slow to say so."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from twicetold.broker.kafka import owner
from twicetold.broker.kafka.options import KafkaOptions
from twicetold.errors import SettingError

pytestmark = pytest.mark.unit

OPTIONS = KafkaOptions.parse("kafka://host/t", "mine")


class FakeAdmin:
    """A cluster whose log has its topic."""

    def list_topics(self, timeout: float) -> Any:
        assert timeout > 0
        return SimpleNamespace(topics={OPTIONS.mark: None})


def claim(monkeypatch: pytest.MonkeyPatch, *seen: str | None) -> list[Any]:
    """With what is seen of the owner, one look after the other; gives the log's lines."""
    looks = iter(seen)
    monkeypatch.setattr(owner, "_owner", lambda *_: next(looks))
    monkeypatch.setattr(owner, "_write", lambda *_: None)
    with structlog.testing.capture_logs() as logs:
        owner.claim_log(cast(AdminClient, FakeAdmin()), OPTIONS, lambda _: None)
    return logs


def test_nothing_is_claimed_that_was_not_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KafkaException, match="does not show"):  # and the start tries again
        claim(monkeypatch, None, None)


def test_who_takes_it_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [line["event"] for line in claim(monkeypatch, None, "mine")] == ["kafka_log_taken"]
    assert claim(monkeypatch, "mine") == []


@pytest.mark.parametrize("seen", [("another",), (None, "another")])
def test_another_that_was_there_first_has_it(
    monkeypatch: pytest.MonkeyPatch, seen: tuple[str | None, ...]
) -> None:
    with pytest.raises(SettingError, match="belongs to another installation"):
        claim(monkeypatch, *seen)
