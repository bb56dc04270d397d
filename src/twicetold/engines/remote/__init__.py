"""What engines on other machines have in common: where they are, how they are spoken with."""

from __future__ import annotations

from dataclasses import dataclass, field

from twicetold.errors import SettingError
from twicetold.speech.language import primary_language

OPENAI_URL = "https://api.openai.com/v1"
SARVAM_URL = "https://api.sarvam.ai"


@dataclass(frozen=True, slots=True)
class Remotes:
    """Where the remote engines are and the keys they ask for; see the settings of the same names.

    ``live_streams``: utterances at once in one live engine; ``batch_requests``: sounds at once in
    one batch engine.
    """

    openai_url: str = OPENAI_URL
    openai_key: str | None = field(default=None, repr=False)
    realtime_url: str | None = None
    realtime_key: str | None = field(default=None, repr=False)
    realtime_protocol: str = "openai"
    sarvam_url: str = SARVAM_URL
    sarvam_key: str | None = field(default=None, repr=False)
    live_streams: int = 100
    batch_requests: int = 4


@dataclass(frozen=True, slots=True)
class Order:
    """What a remote engine's factory is given: the model that was named, where, how patient.

    ``timeout_s``: how long a server may be silent while it owes an answer.
    """

    model: str
    remotes: Remotes
    timeout_s: float


def key_for(engine: str, setting: str, key: str | None, url: str, vendor: str) -> str | None:
    """The key to show at ``url``; a server of one's own may want none.

    Raises SettingError, which names the setting, where it is the vendor's and there is none.
    """
    if not key and host_of(url) == host_of(vendor):
        raise SettingError(
            f"Engine {engine} needs a key for {host_of(url)}, and {setting} is unset.",
            f"Set TWICETOLD_{setting.upper()} in the environment of the server.",
        )
    return key


def host_of(url: str) -> str:
    """The host in a URL, without whatever may be secret in it."""
    rest = url.partition("://")[2]
    return rest.partition("/")[0].partition("?")[0].rpartition("@")[2].lower()


def as_websocket(url: str) -> str:
    """http(s):// as ws(s)://; what is that already stays."""
    return "ws" + url.removeprefix("http") if url.startswith("http") else url


def as_http(url: str) -> str:
    """ws(s):// as http(s)://; what is that already stays."""
    return "http" + url.removeprefix("ws") if url.startswith("ws") else url


def primary(language: str) -> str:
    """The language of a tag without its region: ``en`` of ``en-GB``; "" for ``auto``."""
    return "" if language == "auto" else primary_language(language)
