"""Which Redis a URL means, and that no error says what the password is."""

from __future__ import annotations

from urllib.parse import quote

import hypothesis.strategies as st
import pytest
from hypothesis import given

from twicetold.errors import SettingError
from twicetold.sessions.redis_address import parsed

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://host", "Redis at host:6379/0"),
        ("redis://host/", "Redis at host:6379/0"),
        ("redis://:secret@host:7000/3", "Redis at host:7000/3"),
        ("rediss://user:secret@[::1]:7000/15", "Redis at [::1]:7000/15"),
        ("redis://host/1?prefix=other&volatile=accepted", "Redis at host:6379/1"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    address = parsed(url)
    assert str(address) == shown
    assert "secret" not in repr(address)


def test_parts_of_an_address() -> None:
    plain = parsed("redis://host")
    assert (plain.username, plain.password, plain.tls) == (None, None, False)
    assert (plain.prefix, plain.volatile) == ("twicetold", False)
    full = parsed("rediss://us%40er:pa%2Fss@host:1/2?prefix=acme.live-1&volatile=accepted")
    assert (full.username, full.password, full.tls) == ("us@er", "pa/ss", True)
    assert (full.port, full.database) == (1, 2)
    assert (full.prefix, full.volatile) == ("acme.live-1", True)


@given(password=st.text(min_size=1, max_size=40))
def test_any_password_may_be_given_percent_encoded(password: str) -> None:
    assert parsed(f"redis://:{quote(password, safe='')}@host:1/2").password == password


@pytest.mark.parametrize(
    "rest",
    [
        ":sec/ret@host:6379/0",
        ":sec#ret@host:6379/0",
        ":sec?ret@host:6379/0",
        ":sec[ret@host:6379/0",
        ":sec]ret@host:6379/0",
        ":12/secret@host/0",
        ":12#secret@host/0",
        ":12?secret=1@host/0",
        "user:12?volatile=secret@host",
        ":secret@host:port",
        ":secret@host:99999",
        ":secret@",
        ":secret@host/0/1",
        ":secret@host/zero",
        ":secret@host/-1",
        ":secret@host?db=3",
        ":secret@host?volatile=yes",
        ":secret@host?volatile",
        ":secret@host?prefix=",
        ":secret@host?prefix=a:b",
        ":secret@host?prefix=a&prefix=b",
        f":secret@host?prefix={'p' * 33}",
        ":secret@host#0",
    ],
)
def test_a_url_that_is_none_is_refused_without_a_word_of_it(rest: str) -> None:
    with pytest.raises(SettingError) as refused:
        parsed(f"redis://{rest}")
    told = refused.value.message + refused.value.hint
    assert "sec" not in told
    assert "ret" not in told.replace("prefix", "")
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


@given(password=st.text(st.characters(codec="utf-8"), min_size=6, max_size=20))
def test_a_raw_password_is_taken_or_refused_and_never_told(password: str) -> None:
    marked = f"zq{password}qz"
    try:
        address = parsed(f"redis://:{marked}@host/0")
    except SettingError as refused:
        assert "zq" not in refused.message + refused.hint  # noqa: PT017
    else:
        assert address.host in ("host", "zq") or "zq" not in str(address)
