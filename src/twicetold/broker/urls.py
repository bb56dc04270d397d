"""A broker's URL: where it is, who we are there, and the options behind the question mark."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from twicetold.errors import SettingError

# Not urlsplit: of several hosts it takes no IPv6 address but the first.
_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<netloc>[^/?#]+)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?"
)
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_HINT = "Percent-encode what is special in a name or a password: / is %2F, # is %23, ? is %3F."


@dataclass(frozen=True, slots=True)
class BrokerUrl:
    """``scheme://user:password@host:port,host:port/prefix?option=value``."""

    scheme: str
    hosts: tuple[str, ...]  # host:port each
    user: str
    password: str
    prefix: str
    options: Mapping[str, str]

    @property
    def shown(self) -> str:
        """For people and logs: without who we are."""
        return f"{self.scheme}://{','.join(self.hosts)}"

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """An option that is a whole number. Raises SettingError."""
        text = self.options.get(name, str(default))
        if not re.fullmatch(r"\d{1,9}", text) or not least <= int(text) <= most:
            raise SettingError(
                f"broker's option {name} got {text[:40]!r}; it takes a whole number"
                f" from {least} to {most}."
            )
        return int(text)


def parse_broker_url(
    url: str, *, default_port: int, default_prefix: str, options: frozenset[str]
) -> BrokerUrl:
    """Raises SettingError, which never quotes the URL: it may hold a password."""
    found = _URL.fullmatch(url)
    if found is None:
        raise SettingError("broker got a URL that cannot be read.", _HINT)
    try:
        query = parse_qsl(
            found["query"] or "", keep_blank_values=True, strict_parsing=bool(found["query"])
        )
    except ValueError:
        raise SettingError("broker got a URL that cannot be read.", _HINT) from None
    identity, _, hosts = found["netloc"].rpartition("@")
    user, _, password = identity.partition(":")
    return BrokerUrl(
        found["scheme"],
        tuple(_with_port(host, default_port) for host in hosts.split(",")),
        unquote(user),
        unquote(password),
        _prefix(found["path"] or "", default_prefix),
        _known(dict(query), options),
    )


def _with_port(host: str, default_port: int) -> str:
    found = re.fullmatch(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?", host)
    if found is None or int(found[2] or default_port) > 65535:
        raise SettingError("broker got an address that cannot be read; it takes host:port.", _HINT)
    return f"{found[1]}:{found[2] or default_port}"


def _prefix(path: str, default: str) -> str:
    prefix = unquote(path.removeprefix("/")) or default
    if not _PREFIX.match(prefix):
        raise SettingError(
            "broker's prefix, the part after the hosts, takes letters, digits, - . _"
        )
    return prefix


def _known(given: dict[str, str], options: frozenset[str]) -> dict[str, str]:
    if unknown := sorted(given.keys() - options):
        named = ", ".join(name[:40] for name in unknown)
        raise SettingError(f"broker has no option {named}; it has {', '.join(sorted(options))}.")
    return given
