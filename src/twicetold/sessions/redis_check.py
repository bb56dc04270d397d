"""Whether a Redis keeps what it confirms, and whether it is ours: a server that may forget would
lose sound that was acknowledged."""

from __future__ import annotations

import re
import secrets
from typing import Any

from twicetold.errors import SettingError, Unavailable
from twicetold.sessions.redis_address import Address
from twicetold.sessions.redis_link import Command, Link, Refused
from twicetold.sessions.redis_scripts import TRY

_WANTED = {
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    "maxmemory-policy": "noeviction",
}
_LEAST_VERSION = 7  # scripts that say whether they may run in a full server


async def examine(link: Link, address: Address, installation: str) -> bool:
    """Ask for all that must be so, and write, read and remove a key. Whether what is removed
    stays in its append-only file until that is written anew.

    Raises SettingError with what mends it, Refused, or Unavailable where there is no answer.
    """
    value = secrets.token_hex(8)
    questions: list[Command] = [
        ("INFO", "server"),
        ("ROLE",),
        ("CONFIG", "GET", *_WANTED),
        ("EVAL", TRY, 2, *_keys(address), value, installation),
    ]
    info, role, config, tried = await link.ask_each(questions)
    if not address.volatile:
        _look_at_server(link.name, _said(info), _said(role))
        _look_at_config(link.name, config)
    read, owner = _said(tried)
    if read != value:
        raise Unavailable(f"{link.name} gave back something else than was written.")
    if owner != installation and owner:
        raise _taken(link.name, address, owner, installation)
    return not isinstance(config, Refused) and _pairs(config).get("appendonly") == "yes"


def _keys(address: Address) -> tuple[str, str]:
    return f"{address.prefix}:try", f"{address.prefix}:installation"


def _said(answer: Any) -> Any:
    """Raises Refused, as a SettingError where a person must mend something."""
    if isinstance(answer, Refused):
        raise answer
    return answer


def _look_at_server(name: str, info: str, role: list[Any]) -> None:
    told = dict(re.findall(r"(?m)^(\w+):(.*?)\r?$", info))
    version = told.get("redis_version", "")
    if int(version.partition(".")[0] or 0) < _LEAST_VERSION:
        raise SettingError(f"{name} is of version {version}.", "It must be Redis 7.0 or newer.")
    if told.get("redis_mode") != "standalone":
        raise SettingError(
            f"{name} is no server of its own but a {told.get('redis_mode')}.",
            "Name a server of its own: the keys of a call must lie together.",
        )
    if role[0] != "master":
        raise SettingError(
            f"{name} is a replica and takes no changes.", "Name the master in sessions=."
        )


def _look_at_config(name: str, config: Any) -> None:
    if isinstance(config, Refused):
        raise SettingError(
            f"{name} does not say how it keeps data: {config.message}",
            "Permit it (ACL SETUSER USER +config|get). Where that cannot be and running calls may "
            "be lost, add ?volatile=accepted to the URL.",
        ) from config
    found = _pairs(config)
    weak = [setting for setting, wish in _WANTED.items() if found.get(setting) != wish]
    if not weak:
        return
    has = ", ".join(f"{setting} is {found.get(setting)}" for setting in weak)
    now = "; ".join(f"CONFIG SET {setting} {_WANTED[setting]}" for setting in weak)
    later = "; ".join(f"{setting} {_WANTED[setting]}" for setting in weak)
    raise SettingError(
        f"{name} may forget running calls: {has}.",
        f"In redis-cli, at once: {now}. In redis.conf, for its next start: {later}. Or accept "
        "that calls may be lost: ?volatile=accepted.",
    )


def _pairs(config: list[str]) -> dict[str, str]:
    return dict(zip(config[::2], config[1::2], strict=True))


def _taken(name: str, address: Address, owner: str, installation: str) -> SettingError:
    mine = f"this one is {installation}" if installation else "this one has no calls yet"
    return SettingError(
        f"{name} holds the calls of another installation under the prefix {address.prefix} "
        f"({owner}; {mine}).",
        "Give each installation its own database number (redis://HOST/1) or prefix "
        "(?prefix=NAME). Where both mean to be one, copy the file 'installation' from the other's "
        "data directory into this one's. Where the other is no more, remove its calls: "
        f"redis-cli -n {address.database} DEL {address.prefix}:installation",
    )
