"""Which addresses webhooks may go to: those of the public internet, and networks that are allowed.

An address may hide another: IPv4 within IPv6 (mapped, compatible, NAT64 of RFC 6052, 6to4, Teredo).
All that it stands for must be allowed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from twicetold.errors import BadParameter, SettingError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LONGEST_URL = 2048
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")  # RFC 8215
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_SHAPE = "networks or addresses such as 10.0.0.0/8, 127.0.0.1; or all"
_URL_SHAPE = "An endpoint looks like https://example.com/hooks/calls"


@dataclass(frozen=True, slots=True)
class Allowed:
    """``networks``: besides the public internet."""

    networks: Sequence[Network] = ()

    @classmethod
    def parse(cls, text: str) -> Allowed:
        """Networks separated by commas; ``all`` stands for every one. Raises SettingError."""
        found: list[Network] = []
        for name in (each.strip() for each in text.split(",") if each.strip()):
            try:
                wanted = ("0.0.0.0/0", "::/0") if name == "all" else (name,)
                found += [ipaddress.ip_network(each) for each in wanted]
            except ValueError as error:
                raise SettingError(
                    f"webhook_networks got {name!r}: {error}.", f"It takes {_SHAPE}."
                ) from None
        return cls(tuple(found))

    def takes(self, address: str) -> bool:
        """Whether a request may go there. Scoped addresses (``%eth0``) are only of this link."""
        try:
            every = list(_meant(ipaddress.ip_address(address.partition("%")[0])))
        except ValueError:
            return False
        if "%" in address and not self.private(address):
            return False
        return all(_is_public(each) or self._has(each) for each in every)

    def private(self, address: str) -> bool:
        """Whether all that it stands for is in one of the networks."""
        every = _meant(ipaddress.ip_address(address.partition("%")[0]))
        return all(self._has(each) for each in every)

    def _has(self, address: Address) -> bool:
        return any(address.version == each.version and address in each for each in self.networks)


def _is_public(address: Address) -> bool:
    """Stricter than ``is_global``, which differs with the version of Python."""
    if isinstance(address, ipaddress.IPv6Address) and (
        address.is_site_local or address in _LOCAL_NAT64
    ):
        return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


def _meant(address: Address) -> Iterator[Address]:
    """The address, or the IPv4 ones that it carries: what the packet ends up at."""
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
        return
    yield address
    low = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        yield low
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo


def may_not_go(parts: SplitResult, networks: str) -> str | None:
    """Why requests to that endpoint would be refused, as far as can be told without looking its
    name up; None where nothing speaks against it. Raises SettingError for ``networks``."""
    allowed, host = Allowed.parse(networks), parts.hostname or ""
    named = f"names {networks}" if networks else "is unset"  # what webhook_networks does
    try:
        literal = str(ipaddress.ip_address("127.0.0.1" if host == "localhost" else host))
    except ValueError:
        literal = ""
    if literal and not allowed.takes(literal):
        return f"{host} is not a public address: requests are refused (webhook_networks {named})."
    if parts.scheme == "http" and not (literal and allowed.private(literal)):
        return f"http:// is taken in the networks of webhook_networks only, which {named}."
    return None


def checked_url(url: str) -> SplitResult:
    """An endpoint's URL in its parts. Raises BadParameter, which says what is wrong with it."""
    if len(url) > _LONGEST_URL or not re.fullmatch(r"[!-~]+", url):
        raise BadParameter("The URL is too long, or has characters that URLs do not.", _URL_SHAPE)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadParameter(f"The URL cannot be read: {error}.", _URL_SHAPE) from None
    if parts.scheme not in ("https", "http") or not parts.hostname or port == 0:
        raise BadParameter("The URL is not one of https:// and a host.", _URL_SHAPE)
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise BadParameter(
            "The URL has a user, a password or a fragment.",
            "Receivers know us by the signature: see docs/how-to/webhooks.md.",
        )
    return parts
