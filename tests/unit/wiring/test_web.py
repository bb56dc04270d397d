"""What wiring itself decides: where it listens, and what it says when it cannot."""

from __future__ import annotations

import errno
import socket

import pytest

from twicetold.errors import PortInUse, SettingError, TwicetoldError, Unavailable
from twicetold.wiring import web

pytestmark = pytest.mark.unit


def test_a_port_that_was_taken_is_taken_before_anything_else_is_loaded() -> None:
    with web.bind("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(PortInUse, match=str(port)) as refused:
            web.bind("127.0.0.1", port)
    assert "--port" in refused.value.hint


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid", "a" * 70])
def test_a_host_that_is_not_ours_is_a_wrong_setting(host: str) -> None:
    with pytest.raises(SettingError, match="host got") as refused:
        web.bind(host, 0)
    assert "127.0.0.1" in refused.value.hint


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EACCES, SettingError),
        (errno.EADDRINUSE, PortInUse),
        (errno.EADDRNOTAVAIL, SettingError),
        (errno.ENOBUFS, Unavailable),
    ],
)
def test_the_error_is_named_by_its_number(
    number: int, kind: type[TwicetoldError], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: socket.socket, address: tuple[str, int]) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(web.socket.socket, "bind", refuse)
    with pytest.raises(kind) as refused:
        web.bind("127.0.0.1", 80)
    assert type(refused.value) is kind
