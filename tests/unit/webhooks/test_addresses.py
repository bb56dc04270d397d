"""Where webhooks may go: nowhere private, in whatever form an address is written."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.errors import BadParameter, SettingError
from twicetold.webhooks.addresses import Allowed, checked_url, may_not_go

pytestmark = pytest.mark.unit

NOBODY = Allowed()
PRIVATE = [
    "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
]  # fmt: skip
PRIVATE_6 = [
    "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1",
    "2001:db8::1", "64:ff9b:1::a00:1",
]  # fmt: skip


def hidden(address: str) -> list[str]:
    """An IPv4 address within IPv6."""
    low = int(ipaddress.IPv4Address(address))
    return [
        str(ipaddress.IPv6Address(value))
        for value in (
            0xFFFF << 32 | low,  # mapped
            low,  # compatible
            0x64_FF9B << 96 | low,  # NAT64
            0x2002 << 112 | low << 80 | 1,  # 6to4
            0x2001_0000 << 96 | low << 64 | 0xFFFF_FFFF,  # Teredo: its server
            0x2001_0000 << 96 | 0x0808_0808 << 64 | (low ^ 0xFFFF_FFFF),  # and its client
        )
    ]


@pytest.mark.parametrize("address", [*PRIVATE, *PRIVATE_6])
def test_private_addresses_are_refused(address: str) -> None:
    assert not NOBODY.takes(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_so_are_those_that_hide_in_others(address: str) -> None:
    assert [each for each in hidden(address) if NOBODY.takes(each)] == []


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111"])
def test_public_addresses_are_taken(address: str) -> None:
    assert NOBODY.takes(address)
    assert not NOBODY.private(address)


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_what_it_maps(address: ipaddress.IPv4Address) -> None:
    assert NOBODY.takes(f"::ffff:{address}") == NOBODY.takes(str(address))


def test_a_network_that_is_allowed_is_taken_and_no_other() -> None:
    house = Allowed.parse("10.1.0.0/16, 127.0.0.1 , fd00::/8")
    for address in ("10.1.2.3", "127.0.0.1", "fd00::5", "::ffff:10.1.2.3", "1.1.1.1"):
        assert house.takes(address), address
    for address in ("10.2.0.1", "127.0.0.2", "::1", "fe80::1", "::ffff:10.2.0.1"):
        assert not house.takes(address), address
    assert house.private("::ffff:10.1.2.3")
    everywhere = Allowed.parse("all")
    assert all(everywhere.takes(address) for address in (*PRIVATE, *PRIVATE_6))


@pytest.mark.parametrize("text", ["10.0.0.1/8", "localhost", "10.0.0.0/33", "10.0.0.0/8; all"])
def test_what_is_no_network_is_named(text: str) -> None:
    with pytest.raises(SettingError, match="webhook_networks got") as refused:
        Allowed.parse(text)
    assert "10.0.0.0/8" in refused.value.hint


def test_nonsense_is_no_address() -> None:
    assert not Allowed.parse("all").takes("example.com")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/", "example.com", "https://", "https:///path", "//example.com/x",
        "https://user:secret@example.com/", "https://user@example.com/", "https://example.com/#x",
        "https://example.com:0/", "https://example.com:99999/", "https://example.com:x/",
        "https://exa mple.com/", "https://example.com/\r\nX: y", "https://[::1/", "https://é.com/",
        "https://example.com/" + "x" * 2048,
    ],
)  # fmt: skip
def test_what_is_no_endpoint_is_refused(url: str) -> None:
    with pytest.raises(BadParameter) as refused:
        checked_url(url)
    assert "secret" not in refused.value.message


@pytest.mark.parametrize(
    "url", ["https://example.com/hook?x=1", "http://10.0.0.1:8080/", "https://[2606:4700::1]/x"]
)
def test_what_is_one_is_taken_apart(url: str) -> None:
    assert checked_url(url).geturl() == url


@pytest.mark.parametrize(
    ("url", "networks", "why"),
    [
        ("https://example.com/x", "", ""),
        ("https://1.1.1.1/x", "", ""),
        ("https://127.0.0.1/x", "", "is unset"),
        ("https://localhost/x", "", "is unset"),
        ("https://10.0.0.5/x", "127.0.0.1", "names 127.0.0.1"),
        ("https://10.0.0.5/x", "10.0.0.0/8", ""),
        ("https://[::1]/x", "", "is unset"),
        ("http://127.0.0.1/x", "127.0.0.1", ""),
        ("http://1.1.1.1/x", "", "http:// is taken in"),
        ("http://example.com/x", "10.0.0.0/8", "which names 10.0.0.0/8"),
    ],
)
def test_where_requests_would_be_refused_is_told(url: str, networks: str, why: str) -> None:
    told = may_not_go(checked_url(url), networks)
    assert (why in told) if told and why else told is None and not why
