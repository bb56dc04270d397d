"""Who may use the server: ``tenants.toml``, one key a tenant, kept as its SHA-256.

A key is ``tt_`` + key id + ``_`` + 256 random bits. Its id finds the tenant, its hash, compared
in constant time, proves it; with 256 bits a plain hash cannot be reversed. Without the file
everybody is the tenant ``default``, which the gateway allows on the machine itself only.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import ipaddress
import json
import os
import re
import secrets
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import structlog

from twicetold.choice.wishes import WISH_NAMES, Wishes, checked_wishes
from twicetold.enrich.wishes import (
    ENRICHMENT_NAMES,
    NO_ENRICHMENT,
    Enrichment,
    checked_enrichment,
)
from twicetold.errors import (
    BadIdentifier,
    Conflict,
    DiskFull,
    NotFound,
    SettingError,
    Unauthorized,
    Unavailable,
)
from twicetold.speech.identity import DEFAULT_TENANT, check_identifier

KEY_SUBPROTOCOL = "twicetold.key."

_KEY = re.compile(r"tt_([0-9a-f]{12})_[A-Za-z0-9_-]{43}\Z")
_LOOK_INTERVAL_S = 1.0
_ORDER = ("key_id", "key_sha256", "created_at")
_FIELDS = set(_ORDER)
_NOBODY = "0" * 64
NO_WISHES = Wishes()
_HEADER = "# Who may use this server. Written by 'twicetold tenants'; keys are kept as hashes.\n"
_SHOW_KEY = (
    "Send the tenant's key as 'Authorization: Bearer KEY'; from a browser's WebSocket offer the "
    f"subprotocols 'twicetold.v1' and '{KEY_SUBPROTOCOL}KEY'."
)

log = structlog.get_logger()


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, reached by nobody else: 127.0.0.0/8, ::1, localhost."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def refuse_open_door(host: str, tenants_file: Path) -> None:
    """Refuse to be reached by others while anybody may do anything. Raises SettingError."""
    if is_loopback(host) or tenants_file.exists():
        return
    raise SettingError(
        f"host got {host!r}, which other machines can reach, "
        f"but there is no tenants file ({tenants_file}).",
        "Make a tenant and its key first: "
        f"twicetold tenants add NAME --tenants-file {tenants_file}",
    )


@dataclass(frozen=True, slots=True)
class Tenant:
    """One tenant as it stands in the file. ``created_at`` tells when its key was made, ``wishes``
    where its engines differ from the server's, ``enrichment`` what else does."""

    name: str
    key_id: str
    key_sha256: str
    created_at: str
    wishes: Wishes = NO_WISHES
    enrichment: Enrichment = NO_ENRICHMENT

    def __str__(self) -> str:
        return self.name


class Tenants:
    """The tenants of a server. Changes of the file are noticed within a second."""

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` gives seconds. Raises SettingError for a file that cannot be used."""
        self._path, self._clock = path, clock
        self._looked_at = clock()
        self._stamp = self._look()
        self._tenants = {} if self._stamp is None else self._read()
        self._open = self._stamp is None
        self._by_key_id = {tenant.key_id: tenant for tenant in self._tenants.values()}

    @classmethod
    def load(cls, path: Path | None) -> Tenants:
        """The tenants of a file, or the open mode where there is none. Raises SettingError."""
        return cls(path)

    # --- asking -----------------------------------------------------------------

    @property
    def open_mode(self) -> bool:
        """Whether there is no tenants file, so that everybody is the tenant ``default``."""
        self._refresh()
        return self._open

    def authenticate(self, authorization: str | None, subprotocols: Sequence[str] = ()) -> str:
        """The tenant that a credential proves. Raises Unauthorized."""
        if self.open_mode:
            return DEFAULT_TENANT
        key = _credential(authorization, subprotocols)
        if key is None:
            raise Unauthorized("The request carries no key.", _SHOW_KEY)
        known = _KEY.match(key)
        tenant = self._by_key_id.get(known[1]) if known else None
        expected = tenant.key_sha256 if tenant else _NOBODY
        if not hmac.compare_digest(_digest(key), expected) or tenant is None:
            raise Unauthorized("The key is not known here.", "Ask whoever runs the server for one.")
        return tenant.name

    def stamp(self, name: str) -> str | None:
        """What changes with a tenant's key; None where there is no such tenant."""
        if self.open_mode:
            return "" if name == DEFAULT_TENANT else None
        tenant = self._tenants.get(name)
        return tenant.key_id if tenant else None

    def wishes(self, name: str) -> Wishes:
        """Where a tenant's engines differ from the server's."""
        self._refresh()
        tenant = self._tenants.get(name)
        return tenant.wishes if tenant else NO_WISHES

    def enrichment(self, name: str) -> Enrichment:
        """Where what is made of a tenant's calls differs from the server's."""
        self._refresh()
        tenant = self._tenants.get(name)
        return tenant.enrichment if tenant else NO_ENRICHMENT

    def list(self) -> Sequence[Tenant]:
        """All tenants by name."""
        self._refresh()
        return [self._tenants[name] for name in sorted(self._tenants)]

    # --- changing ---------------------------------------------------------------

    def add(self, name: str) -> str:
        """Make a tenant and return its key, which nobody can show again.

        Raises BadIdentifier, or Conflict where the tenant is there already.
        """
        check_identifier(name, "tenant")
        with self._changing() as tenants:
            if name in tenants:
                raise Conflict(
                    f"There is a tenant {name} already.",
                    f"For a new key: twicetold tenants rotate {name}",
                )
            return _give_key(tenants, name)

    def rotate(self, name: str) -> str:
        """Replace a tenant's key: the new one counts at once, the old one no more."""
        with self._changing() as tenants:
            _check_known(tenants, name)
            return _give_key(tenants, name)

    def remove(self, name: str) -> None:
        """Refuse the tenant's key from now on. Its data stays. Raises NotFound."""
        with self._changing() as tenants:
            _check_known(tenants, name)
            del tenants[name]

    def wish(self, name: str, told: Mapping[str, str | None]) -> Tenant:
        """Change what a tenant wants; None goes back to the server's. Returns it as it is now.

        Raises SettingError for what is no wish, NotFound.
        """
        with self._changing() as tenants:
            _check_known(tenants, name)
            tenant = tenants[name]
            now = {**tenant.wishes.told(), **tenant.enrichment.told(), **told}
            wishes, enrichment = _wanted(_told(now), f"tenant {name}")
            tenants[name] = replace(tenant, wishes=wishes, enrichment=enrichment)
        return tenants[name]

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, Tenant]]:
        """The tenants as the file has them now, written back at the end; one process at a time."""
        if self._path is None:
            raise SettingError("tenants_file got nothing; it takes a path.")
        self._path.parent.mkdir(0o700, parents=True, exist_ok=True)
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)
            tenants = self._read() if self._path.exists() else {}
            yield tenants
            _write(self._path, tenants, directory)
        finally:
            os.close(directory)
        self._take(tenants, self._look())

    # --- the file ---------------------------------------------------------------

    def _refresh(self) -> None:
        """Read a file that has changed. One that is gone or damaged lets nobody new in, and
        never opens the server: what was read before goes on to count."""
        now = self._clock()
        if now - self._looked_at < _LOOK_INTERVAL_S:
            return
        self._looked_at = now
        stamp = self._stamp
        try:
            stamp = self._look()
            if stamp == self._stamp:
                return
            if stamp is None:
                log.warning("tenants.file_gone", file=str(self._path))
            else:
                self._take(self._read(), stamp)
        except SettingError as error:
            log.warning("tenants.file_refused", file=str(self._path), reason=error.message)
        self._stamp = stamp

    def _take(self, tenants: dict[str, Tenant], stamp: tuple[int, ...] | None) -> None:
        self._tenants, self._stamp, self._open = tenants, stamp, False
        self._by_key_id = {tenant.key_id: tenant for tenant in tenants.values()}

    def _look(self) -> tuple[int, ...] | None:
        """What tells one state of the file from another; None where there is no file."""
        if self._path is None:
            return None
        try:
            found = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise SettingError(f"{self._path} cannot be read: {error.strerror}.") from error
        return (found.st_mtime_ns, found.st_size, found.st_ino)

    def _read(self) -> dict[str, Tenant]:
        path = self._path
        assert path is not None
        try:
            body = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingError(f"{path} cannot be read: {error.strerror}.") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingError(f"{path} is not valid TOML: {error}.") from error
        tables = body.get("tenants", {})
        if set(body) - {"tenants"} or not isinstance(tables, dict):
            raise SettingError(f"{path} is no tenants file.", "It holds [tenants.NAME] tables.")
        return {name: _tenant(path, name, table) for name, table in tables.items()}


def _tenant(path: Path, name: str, table: object) -> Tenant:
    try:
        check_identifier(name, "tenant")
    except BadIdentifier as error:
        raise SettingError(f"{path}: {error.message}", error.hint) from error
    if (
        not isinstance(table, Mapping)
        or set(table) - set(WISH_NAMES) - set(ENRICHMENT_NAMES) != _FIELDS
        or not all(isinstance(table[name], str) for name in _FIELDS)
        or not re.fullmatch(r"[0-9a-f]{64}", table["key_sha256"])
    ):
        raise SettingError(
            f"{path}: the table of tenant {name} is not as it was written.",
            f"Make its key anew: remove the table, then: twicetold tenants add {name}",
        )
    told = {name: value for name, value in table.items() if name not in _FIELDS}
    wishes, enrichment = _wanted(told, f"{path}: tenant {name}")
    key_id, key_sha256, created_at = (table[field] for field in _ORDER)
    return Tenant(name, key_id, key_sha256, created_at, wishes, enrichment)


def _wanted(told: Mapping[str, object], where: str) -> tuple[Wishes, Enrichment]:
    """Raises SettingError for what is neither, or has a wrong value."""
    made = {name: value for name, value in told.items() if name in ENRICHMENT_NAMES}
    rest = {name: value for name, value in told.items() if name not in ENRICHMENT_NAMES}
    if unknown := next((name for name in rest if name not in WISH_NAMES), None):
        known = ", ".join((*WISH_NAMES, *ENRICHMENT_NAMES))
        raise SettingError(
            f"{where} names {unknown!r}, which a tenant has not; it has {known}.",
            "See: twicetold tenants set --help",
        )
    return checked_wishes(rest, where), checked_enrichment(made, where)


def _told(wishes: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in wishes.items() if value is not None}


def _check_known(tenants: Mapping[str, Tenant], name: str) -> None:
    if name not in tenants:
        shown = name[:40].encode("unicode_escape").decode("ascii")
        raise NotFound(f"There is no tenant {shown!r}.", "See: twicetold tenants list")


def _give_key(tenants: dict[str, Tenant], name: str) -> str:
    key_id = secrets.token_hex(6)
    key = f"tt_{key_id}_{secrets.token_urlsafe(32)}"
    created_at = datetime.now(UTC).isoformat(timespec="seconds")
    made = Tenant(name, key_id, _digest(key), created_at)
    if name in tenants:
        made = replace(made, wishes=tenants[name].wishes, enrichment=tenants[name].enrichment)
    tenants[name] = made
    return key


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _credential(authorization: str | None, subprotocols: Sequence[str]) -> str | None:
    scheme, _, value = (authorization or "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    for subprotocol in subprotocols:
        if subprotocol.startswith(KEY_SUBPROTOCOL):
            return subprotocol.removeprefix(KEY_SUBPROTOCOL)
    return None


def _write(path: Path, tenants: Mapping[str, Tenant], directory: int) -> None:
    """Replace the file in one step; only its owner may read it."""
    lines = [_HEADER]
    for name in sorted(tenants):
        tenant = tenants[name]
        lines.append(
            f'\n[tenants."{name}"]\nkey_id = "{tenant.key_id}"\n'
            f'key_sha256 = "{tenant.key_sha256}"\ncreated_at = "{tenant.created_at}"\n'
        )
        # A JSON string is a TOML string.
        lines += [
            f"{wish} = {json.dumps(value, ensure_ascii=False)}\n"
            for wish, value in _told({**tenant.wishes.told(), **tenant.enrichment.told()}).items()
        ]
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
            file.write("".join(lines))
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
        os.fsync(directory)
    except OSError as error:
        draft.unlink(missing_ok=True)
        kind = DiskFull if error.errno == 28 else Unavailable
        raise kind(f"{path} cannot be written: {error.strerror}.") from error
