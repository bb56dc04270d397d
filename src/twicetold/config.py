"""Settings: one frozen object; the only reader of the environment.

Sources in rising precedence: the defaults, ``twicetold.toml``, ``TWICETOLD_*`` variables,
flags. What a setting means and takes stands beside its default, once: validation, the
``config`` command and the table in the README all read it there.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from twicetold.errors import SettingError

PREFIX = "TWICETOLD_"
DEFAULT_FILE = "twicetold.toml"
LOG_LEVELS = ("debug", "info", "warning", "error")

# Variables that are no settings of the server: where its file is, and how a client finds it.
_OTHER_VARIABLES = ("CONFIG", "KEY", "URL")


def _about(meaning: str, pattern: str | None = None, shape: str | None = None) -> dict[str, Any]:
    return {"meaning": meaning, "pattern": pattern, "shape": shape}


def _range(meaning: str, least: float, most: float) -> dict[str, Any]:
    return {"meaning": meaning, "least": least, "most": most}


def _url(meaning: str, example: str) -> dict[str, Any]:
    return _about(meaning, r"[a-z][a-z0-9+.-]*://\S*", f"a URL such as {example}")


def _engines(meaning: str) -> dict[str, Any]:
    shape = "engines in order of preference, such as pocketsphinx or hi|ta=sarvam, pocketsphinx"
    return _about(meaning, _ENGINES, shape)


def _secret(meaning: str) -> dict[str, Any]:
    return {**_about(meaning, shape="a key"), "secret": True}


def _remote(meaning: str, example: str) -> dict[str, Any]:
    return _about(meaning, r"(https?|wss?)://[^\s@]+", f"a URL without a key, such as {example}")


# Each: for these languages alone (``hi|ta=``), NAME or NAME:MODEL. See choice/wishes.py.
_ENGINE = r"\s*([A-Za-z]{2,3}(\|[A-Za-z]{2,3})*=)?\s*[a-z][a-z0-9_-]*(:[^\s,][^,]*)?"
_ENGINES = rf"{_ENGINE}(,{_ENGINE})*"
_DATA_DIR = _about("Where recordings, transcripts, the log and the databases lie.")
_HOST = _about(
    "Address to bind to; one that others can reach needs a tenants file.",
    r"[A-Za-z0-9.:_-]+",
    "a host name or an IP address",
)
_TENANTS = _about("Tenants and their hashed keys; unset: tenants.toml in the data directory.")
# What AWS's own figures come to; see docs/how-to/usage-and-cost.md.
_AWS_PRICES = "parakeet=0.00011/audio_min, whisper=0.006/audio_min"
_PRICES = _about(
    "What engines cost, enrichment, and language models (llm): for each NAME, NAME:MODEL or *, "
    "perhaps @DEVICE, a price per audio_min, compute_s, m_tokens_in or m_tokens_out (a million "
    "read, written); unset: nothing.",
    shape="prices such as parakeet@cuda=0.00011/audio_min, *=0.00002/compute_s, "
    "llm=0.15/m_tokens_in+0.6/m_tokens_out",
)
_MODELS_DIR = _about("Where models lie; unset: twicetold/models in the user's cache directory.")
_HUB = _about(
    "Where models are fetched from: Hugging Face, or a mirror of it.",
    r"https?://\S+",
    "a URL such as https://huggingface.co",
)
_LANGUAGE = _about(
    "Language of calls that do not name one.",
    r"auto|[a-z]{2,3}(-[A-Za-z0-9]{2,8})*",
    "a language tag such as en or pt-BR, or auto",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, with its default. Units are in the names."""

    data_dir: Path = field(default=Path("twicetold-data"), metadata=_DATA_DIR)
    host: str = field(default="127.0.0.1", metadata=_HOST)
    port: int = field(default=8300, metadata=_range("Port to listen on; 0: a free one.", 0, 65535))
    tenants_file: Path | None = field(default=None, metadata=_TENANTS)
    broker: str = field(
        default="file://",
        metadata=_url(
            "The log that carries audio and captions.",
            "file://, kafka://host:9092 or rabbitmq://host:5672",
        ),
    )
    sessions: str = field(
        default="sqlite://",
        metadata=_url("The record of running calls.", "sqlite:// or redis://:password@host:6379/0"),
    )
    queue: str = field(
        default="sqlite://", metadata=_url("The queue of recordings to transcribe.", "sqlite://")
    )
    transcripts: str = field(
        default="sqlite://", metadata=_url("The store of calls and transcripts.", "sqlite://")
    )
    store: str = field(
        default="file://", metadata=_url("Recordings; file:// is in the data directory.", "file://")
    )
    live_engine: str = field(
        default="pocketsphinx", metadata=_engines("Engines that write the captions.")
    )
    live_final_engine: str | None = field(
        default=None,
        metadata=_engines("Engines that hear an utterance again for its final; unset: none."),
    )
    batch_engine: str = field(
        default="pocketsphinx", metadata=_engines("Engines that write the canonical transcript.")
    )
    shadow_engine: str | None = field(
        default=None,
        metadata=_engines("Engine whose text is kept beside the canonical one; unset: none."),
    )
    shadow_live_engine: str | None = field(
        default=None,
        metadata=_engines("The same, of a live engine that recordings are played to; unset: none."),
    )
    shadow_share: float = field(
        default=1.0, metadata=_range("Share of the calls that shadow engines hear.", 0, 1)
    )
    allow_remote: str | None = field(
        default=None,
        metadata=_about(
            "Remote engines that tenants may use who do not say themselves; unset: none.",
            r"\s*[a-z][a-z0-9_-]*(\s*,\s*[a-z][a-z0-9_-]*)*\s*",
            "names of engines such as openai, sarvam",
        ),
    )
    speakers: str = field(
        default="auto",
        metadata=_about(
            "How speakers are told apart: by channel, and within one by voice. auto: by voice "
            "where the extra speakers is installed.",
            r"[a-z][a-z0-9_]*(:\S+)?",
            "auto, channels, none, or the name of a diarizer",
        ),
    )
    channel_roles: str | None = field(
        default=None,
        metadata=_about(
            "Who speaks on each channel; unset: the agent is who greets like one, or speaks first.",
            r"[a-z_]+(\s*,\s*[a-z_]+)*",
            "roles such as agent,customer",
        ),
    )
    redact: str | None = field(
        default=None,
        metadata=_about(
            "Personal data that is removed from words and sound; unset: none.",
            r"\s*[a-z][a-z0-9_]*(\s*,\s*[a-z][a-z0-9_]*)*\s*",
            "all, or kinds such as phone, card_number",
        ),
    )
    redact_with: str | None = field(
        default=None,
        metadata=_about(
            "What finds personal data besides our own rules and tagger; unset: nothing.",
            r"\s*(presidio|(spacy|gliner):[^\s,]+)(\s*,\s*(presidio|(spacy|gliner):[^\s,]+))*\s*",
            "presidio, and a model for names: spacy:NAME or gliner:NAME",
        ),
    )
    redact_style: str = field(
        default="label",
        metadata=_about(
            "What stands in its place: [PHONE], a mask, or a pseudonym that is the same for the "
            "same value.",
            "label|mask|pseudonym",
            "label, mask or pseudonym",
        ),
    )
    redact_sound: str = field(
        default="beep",
        metadata=_about("What is heard in its place.", "beep|silence", "beep or silence"),
    )
    keep_original_h: float | None = field(
        default=None,
        metadata=_range(
            "Hours for which a recording stays once its redacted one is there; unset: for good.",
            0,
            87_840,
        ),
    )
    sentiment: str = field(
        default="vader",
        metadata=_about("Who judges how a call went.", "vader|llm|none", "vader, llm or none"),
    )
    lead_rubric: str | None = field(
        default=None,
        metadata=_about("Rubric of the lead score: a file, or default; unset: no score."),
    )
    rules: str | None = field(
        default=None,
        metadata=_about("Phrase rules and alerts: a file, or default; unset: none."),
    )
    llm_url: str | None = field(
        default=None,
        metadata=_remote(
            "Language model that judges, for tenants whose allow_remote names llm; unset: none.",
            "http://127.0.0.1:8000/v1",
        ),
    )
    llm_model: str | None = field(default=None, metadata=_about("Its name at that server."))
    llm_key: str | None = field(
        default=None, repr=False, metadata=_secret("Its key; a server of your own may want none.")
    )
    llm_tokens: int = field(
        default=100_000, metadata=_range("Tokens that a call may cost there.", 100, 10_000_000)
    )
    prices: str | None = field(default=_AWS_PRICES, metadata=_PRICES)
    currency: str = field(
        default="USD",
        metadata=_about("What prices are in; it is only shown.", r"[A-Z]{3}", "a code such as EUR"),
    )
    webhook_networks: str | None = field(
        default=None,
        metadata=_about(
            "Private networks that webhooks may go to; unset: none, the public internet alone.",
            shape="networks such as 10.0.0.0/8, 127.0.0.1, or all",
        ),
    )
    models_dir: Path | None = field(default=None, metadata=_MODELS_DIR)
    models_hub: str = field(default="https://huggingface.co", metadata=_HUB)
    openai_url: str = field(
        default="https://api.openai.com/v1",
        metadata=_remote("Server of engine openai.", "http://127.0.0.1:8000/v1"),
    )
    openai_key: str | None = field(
        default=None, repr=False, metadata=_secret("Its key; a server of your own may want none.")
    )
    realtime_url: str | None = field(
        default=None,
        metadata=_remote(
            "Server of engine realtime; unset: OpenAI's.", "ws://127.0.0.1:8000/v1/realtime"
        ),
    )
    realtime_key: str | None = field(
        default=None, repr=False, metadata=_secret("Its key; a server of your own may want none.")
    )
    realtime_protocol: str = field(
        default="openai",
        metadata=_about("What it speaks.", "openai|vllm", "openai or vllm"),
    )
    sarvam_url: str = field(
        default="https://api.sarvam.ai",
        metadata=_remote("Server of engine sarvam.", "https://api.sarvam.ai"),
    )
    sarvam_key: str | None = field(default=None, repr=False, metadata=_secret("Its key."))
    remote_live_streams: int = field(
        default=100,
        metadata=_range("Connections at once to a remote live engine; more wait.", 1, 10_000),
    )
    remote_batch_requests: int = field(
        default=4, metadata=_range("Requests at once to a remote batch engine.", 1, 1000)
    )
    language: str = field(default="en", metadata=_LANGUAGE)
    live_hosts: int = field(
        default=0, metadata=_range("Processes for the live engine; 0: one a core.", 0, 256)
    )
    batch_hosts: int = field(
        default=0, metadata=_range("Processes for the batch engine; 0: one a core.", 0, 256)
    )
    batch_niceness: int = field(
        default=19,
        metadata=_range(
            "How far recordings give way to live calls, and to all else that wants a core.", 0, 19
        ),
    )
    min_silence_ms: int = field(
        default=500, metadata=_range("Silence that ends an utterance.", 100, 5000)
    )
    pre_roll_ms: int = field(
        default=300, metadata=_range("Audio kept from before speech is noticed.", 0, 2000)
    )
    max_utterance_s: float = field(
        default=30.0, metadata=_range("A longer utterance is cut at its quietest place.", 2, 120)
    )
    vad_threshold: float = field(
        default=0.5, metadata=_range("Probability that makes a frame speech.", 0.05, 0.95)
    )
    partial_interval_ms: int = field(
        default=200, metadata=_range("Least time between two partials of a channel.", 50, 5000)
    )
    engine_timeout_s: float = field(
        default=30.0, metadata=_range("An engine that takes longer has failed.", 0.1, 600)
    )
    lease_s: float = field(
        default=10.0, metadata=_range("How long a gateway owns a call unrenewed.", 0.2, 120)
    )
    finalize_after_s: float = field(
        default=2.0,
        metadata=_range("So long without audio ends an utterance, but for a broken word.", 0.2, 60),
    )
    idle_timeout_s: float = field(
        default=60.0,
        metadata=_range("A client that sends no audio for so long is let go.", 0.5, 3600),
    )
    abandon_after_s: float = field(
        default=60.0, metadata=_range("A call left by its client for so long ends.", 0.1, 86_400)
    )
    lag_notice_s: float = field(
        default=3.0, metadata=_range("Clients are told when captions lag so much.", 0.5, 60)
    )
    max_live_calls: int = field(
        default=1000,
        metadata=_range(
            "Calls that may run at once, in each gateway; one of webm or ogg takes 5 MB there.",
            1,
            100_000,
        ),
    )
    max_upload_mb: int = field(
        default=4096, metadata=_range("Largest upload, in MiB.", 1, 1_048_576)
    )
    batch_chunk_s: float = field(
        default=30.0, metadata=_range("Longest piece the batch engine gets.", 1, 600)
    )
    job_lease_s: float = field(
        default=60.0, metadata=_range("How long a worker owns a job unrenewed.", 0.5, 3600)
    )
    job_attempts: int = field(
        default=4, metadata=_range("Attempts before a job counts as failed.", 1, 100)
    )
    settle_s: float = field(
        default=5.0, metadata=_range("A file unchanged for so long has arrived.", 0.05, 3600)
    )
    reconcile_every_s: float = field(
        default=3600.0, metadata=_range("How often lost events are looked for.", 1, 604_800)
    )
    drain_s: float = field(
        default=20.0,
        metadata=_range("A process that is to stop has so long to hand over its work.", 1, 3600),
    )
    log_level: str = field(
        default="info",
        metadata=_about("How much is logged.", "|".join(LOG_LEVELS), " or ".join(LOG_LEVELS)),
    )

    @property
    def tenants_path(self) -> Path:
        """The tenants file that counts, whether or not it is there."""
        return self.tenants_file or self.data_dir / "tenants.toml"

    @property
    def models_path(self) -> Path:
        """The directory of models that counts, whether or not it is there."""
        return self.models_dir or _cache_home(self.data_dir) / "twicetold" / "models"


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and where each value came from: "default", a file, a variable or a flag."""

    settings: Settings
    sources: dict[str, str]


@dataclass(frozen=True, slots=True)
class About:
    """What there is to know about one setting, for people."""

    name: str
    default: str
    meaning: str
    takes: str
    variable: str


def load(
    flags: Mapping[str, object | None],
    *,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Loaded:
    """Settings from all sources. ``flags`` holds settings by field name, None where not given,
    and the path of the file under ``config``.

    Raises SettingError for a name that is no setting, a wrong value, or a file that cannot be read.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, object] = {}
    sources = dict.fromkeys(_TYPES, "default")
    for source in (
        _from_file(flags.get("config"), environ, cwd),
        _from_environment(environ),
        _from_flags(flags),
    ):
        for name, (value, origin) in source.items():
            values[name], sources[name] = value, origin
    return Loaded(Settings(**values), sources)  # type: ignore[arg-type]


def server_address(
    settings: Settings,
    url: str | None = None,
    key: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> tuple[str, str | None]:
    """Where commands find a running server and the key they show it: flag, ``TWICETOLD_URL`` and
    ``TWICETOLD_KEY``, else the host and port of the settings."""
    environ = os.environ if environ is None else environ
    url = url or environ.get(f"{PREFIX}URL") or None
    key = key or environ.get(f"{PREFIX}KEY") or None
    if url is None:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
        url = (
            f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
        )
    if not re.fullmatch(r"(http|ws)s?://\S+", url):
        raise SettingError(
            f"url got {masked(url)!r}; it takes a server's address.",
            "For example: --url http://127.0.0.1:8300",
        )
    return url.rstrip("/"), key


def about_settings() -> list[About]:
    """Every setting in order: the one source for tables of them."""
    return [
        About(
            name=item.name,
            default=shown(item.name, item.default) or "",
            meaning=item.metadata["meaning"],
            takes=takes(item.name),
            variable=PREFIX + item.name.upper(),
        )
        for item in fields(Settings)
    ]


def takes(name: str) -> str:
    """What a setting accepts, in words."""
    about = _ABOUT[name]
    if about.get("shape"):
        return str(about["shape"])
    words = _PARSERS[_TYPES[name]][1]
    if "least" in about:
        words += f" from {about['least']:.12g} to {about['most']:.12g}"
    return words


def shown(name: str, value: object) -> str | None:
    """A setting's value for people and logs; None where it is unset. Of a secret it says no more
    than that it is set."""
    if value is None:
        return None
    return "***" if _ABOUT[name].get("secret") else masked(value)


def masked(value: object) -> str:
    """A value for people and logs: passwords and tokens inside URLs become ``***``."""
    text = re.sub(r"([^/@\s:]*):(?!//)(?:(?!://)[^\n])+@", r"\1:***@", str(value))
    return re.sub(
        r"(?i)([?&][^=&]*(?:secret|password|token|key|credential)[^=&]*=)[^&\s]+", r"\1***", text
    )


def _cache_home(instead: Path) -> Path:
    """Where this user's programs keep what can be fetched again; ``instead`` for one who has no
    home, as in some containers."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if named.is_absolute():
        return named
    try:
        home = Path.home()
    except RuntimeError:
        return instead
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache")


# --- one value --------------------------------------------------------------------------------


def _path(text: str) -> Path:
    if not text.strip() or "\0" in text:
        raise ValueError(text)
    return Path(text).expanduser()


def _text(text: str) -> str:
    if not text.strip():
        raise ValueError(text)
    return text.strip()


def _optional_number(text: str) -> float | None:
    return float(text) if text.strip() else None


def _optional_text(text: str) -> str | None:
    return text.strip() or None


def _optional_path(text: str) -> Path | None:
    return _path(text) if text.strip() else None


# Each type of setting: how text becomes it, what it takes, and the types it may have in TOML.
_PARSERS: dict[Any, tuple[Callable[[str], object], str, tuple[type, ...]]] = {
    int: (int, "a whole number", (int,)),
    float: (float, "a number", (int, float)),
    str: (_text, "text", (str,)),
    Path: (_path, "a path", (str, Path)),
    float | None: (_optional_number, "a number", (int, float)),
    str | None: (_optional_text, "text", (str,)),
    Path | None: (_optional_path, "a path", (str, Path)),
}
_ABOUT: dict[str, Mapping[str, Any]] = {item.name: item.metadata for item in fields(Settings)}
_TYPES: dict[str, Any] = get_type_hints(Settings)


def _checked(name: str, value: object, origin: str, *, as_text: bool) -> object:
    """The setting's typed value. Raises SettingError, which names all that is needed to mend it."""
    parse, _, native = _PARSERS[_TYPES[name]]
    try:
        if as_text and isinstance(value, str):
            parsed = parse(value)
        else:
            parsed = _native(value, parse, native)
        _check_bounds(_ABOUT[name], parsed)
    except ValueError:
        raise SettingError(
            f"{name} (from {origin}) got {shown(name, value)!r}; it takes {takes(name)}."
        ) from None
    return parsed


def _native(value: object, parse: Callable[[str], object], native: tuple[type, ...]) -> object:
    # bool is an int to Python, never to people.
    if not isinstance(value, native) or isinstance(value, bool):
        raise ValueError(value)  # noqa: TRY004 - one kind for all wrong values
    return parse(str(value))


def _check_bounds(about: Mapping[str, Any], value: Any) -> None:
    if value is None:
        return
    if "least" in about and not about["least"] <= value <= about["most"]:  # refuses nan too
        raise ValueError(value)
    if about.get("pattern") and not re.fullmatch(about["pattern"], value):
        raise ValueError(value)


# --- the sources ------------------------------------------------------------------------------


def _from_file(
    flag: object | None, environ: Mapping[str, str], cwd: Path | None
) -> dict[str, tuple[object, str]]:
    """Settings of the TOML file. A path in it counts from the file's own directory."""
    named = flag or environ.get(f"{PREFIX}CONFIG")
    path = (cwd or Path()) / (Path(str(named)).expanduser() if named else DEFAULT_FILE)
    if not named and not path.exists():
        return {}
    values: dict[str, tuple[object, str]] = {}
    for name, value in _read_toml(path).items():
        _check_known(name, f"{path} names {name!r}, which is no setting.")
        parsed = _checked(name, value, str(path), as_text=False)
        if name in _TEXT_FILES and parsed not in _NO_FILES:
            parsed = str(path.parent / Path(str(parsed)).expanduser())
        values[name] = (path.parent / parsed if isinstance(parsed, Path) else parsed, str(path))
    return values


_TEXT_FILES = frozenset({"rules", "lead_rubric"})  # name a file, or one of:
_NO_FILES = (None, "", "default", "none")


def _read_toml(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise SettingError(
            f"config got {str(path)!r}, which cannot be read: {error.strerror}.",
            "Name a file with --config or TWICETOLD_CONFIG, or leave both out.",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(
            f"{path} is not valid TOML: {error}.",
            'A line of it looks like: port = 8300, or: language = "en"',
        ) from error


def _from_environment(environ: Mapping[str, str]) -> dict[str, tuple[object, str]]:
    values: dict[str, tuple[object, str]] = {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable.removeprefix(PREFIX) in _OTHER_VARIABLES:
            continue
        name = variable.removeprefix(PREFIX).lower()
        message = f"The environment names {variable}, which is no setting."
        _check_known(name, message, lambda near: PREFIX + near.upper())
        values[name] = (_checked(name, environ[variable], variable, as_text=True), variable)
    return values


def _from_flags(flags: Mapping[str, object | None]) -> dict[str, tuple[object, str]]:
    values: dict[str, tuple[object, str]] = {}
    for name, value in flags.items():
        if value is None or name == "config":
            continue
        _check_known(name, f"The flags name {name!r}, which is no setting.")
        flag = "--" + name.replace("_", "-")
        values[name] = (_checked(name, value, flag, as_text=True), flag)
    return values


def _check_known(name: str, message: str, spelled: Callable[[str], str] = str) -> None:
    """Raises SettingError for a name that is no setting, with the one that was probably meant."""
    if name in _TYPES:
        return
    near = difflib.get_close_matches(name, _TYPES, n=1)
    hint = f"Did you mean {spelled(near[0])}?" if near else SettingError.default_hint
    raise SettingError(message, hint)
