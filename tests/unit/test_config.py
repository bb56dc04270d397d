"""Settings: precedence, what each takes, and that a wrong one says all that is needed."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.config import (
    Settings,
    about_settings,
    load,
    masked,
    server_address,
    shown,
    takes,
)
from twicetold.errors import SettingError

pytestmark = pytest.mark.unit

NAMES = [item.name for item in fields(Settings)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def toml(folder: Path, text: str, name: str = "twicetold.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_without_any_source_there_are_the_defaults(folder: Path) -> None:
    loaded = load({}, environ={}, cwd=folder)
    assert loaded.settings == Settings()
    assert set(loaded.sources) == set(NAMES)
    assert set(loaded.sources.values()) == {"default"}


@given(
    in_file=st.none() | st.integers(0, 65535),
    in_environ=st.none() | st.integers(0, 65535),
    in_flags=st.none() | st.integers(0, 65535),
)
def test_flags_beat_the_environment_beats_the_file(
    tmp_path_factory: pytest.TempPathFactory,
    in_file: int | None,
    in_environ: int | None,
    in_flags: int | None,
) -> None:
    folder = tmp_path_factory.mktemp("config")
    path = toml(folder, "" if in_file is None else f"port = {in_file}")
    environ = {} if in_environ is None else {"TWICETOLD_PORT": str(in_environ)}
    loaded = load({"port": in_flags}, environ=environ, cwd=folder)
    given_ones = [value for value in (in_flags, in_environ, in_file) if value is not None]
    assert loaded.settings.port == (given_ones[0] if given_ones else 8300)
    expected = {
        in_file is not None: str(path),
        in_environ is not None: "TWICETOLD_PORT",
        in_flags is not None: "--port",
    }.get(True, "default")
    assert loaded.sources["port"] == expected


def test_values_are_typed(folder: Path) -> None:
    environ = {
        "TWICETOLD_DATA_DIR": "~/data",
        "TWICETOLD_TENANTS_FILE": "t.toml",
        "TWICETOLD_LEASE_S": "7",
        "TWICETOLD_LOG_LEVEL": "debug",
        "PATH": "/bin",
        "TWICETOLD_KEY": "k",
        "TWICETOLD_URL": "http://h",
    }
    settings = load({"live_hosts": 2}, environ=environ, cwd=folder).settings
    assert settings.data_dir == Path("~/data").expanduser()
    assert settings.tenants_file == Path("t.toml") == settings.tenants_path
    assert settings.lease_s == 7.0
    assert isinstance(settings.lease_s, float)
    assert settings.live_hosts == 2


def test_tenants_lie_in_the_data_directory_unless_said() -> None:
    assert Settings(data_dir=Path("d")).tenants_path == Path("d/tenants.toml")


def test_models_lie_in_the_users_cache_unless_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert Settings().models_path == tmp_path / ".cache/twicetold/models"
    monkeypatch.setattr("sys.platform", "darwin")
    assert Settings().models_path == tmp_path / "Library/Caches/twicetold/models"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # to be passed over, as its rules say
    assert Settings().models_path == tmp_path / "Library/Caches/twicetold/models"
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert Settings().models_path == Path("/cache/twicetold/models")
    assert Settings(models_dir=Path("m")).models_path == Path("m")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", _homeless)
    assert Settings(data_dir=Path("d")).models_path == Path("d/twicetold/models")


def _homeless() -> Path:
    raise RuntimeError("Could not determine home directory.")


def test_an_empty_variable_unsets_an_optional_path(folder: Path) -> None:
    toml(folder, 'tenants_file = "t.toml"')
    loaded = load({}, environ={"TWICETOLD_TENANTS_FILE": ""}, cwd=folder)
    assert loaded.settings.tenants_file is None


def test_paths_in_a_file_count_from_that_file(folder: Path) -> None:
    other = folder / "etc"
    other.mkdir()
    path = toml(other, 'data_dir = "data"\ntenants_file = "/abs/t.toml"', "own.toml")
    for flags, environ in [
        ({"config": path}, {}),
        ({}, {"TWICETOLD_CONFIG": str(path)}),
        ({"config": "etc/own.toml"}, {}),
    ]:
        settings = load(flags, environ=environ, cwd=folder).settings
        assert settings.data_dir == other / "data"
        assert settings.tenants_file == Path("/abs/t.toml")


def test_a_named_file_must_be_there(folder: Path) -> None:
    with pytest.raises(SettingError, match=r"none\.toml.*cannot be read") as caught:
        load({"config": folder / "none.toml"}, environ={}, cwd=folder)
    assert "--config" in caught.value.hint


@pytest.mark.parametrize("text", ["port =", "port = 1\nport = 2", "[", "\x00"])
def test_a_broken_file_is_named(folder: Path, text: str) -> None:
    path = toml(folder, text)
    with pytest.raises(SettingError, match="not valid TOML") as caught:
        load({}, environ={}, cwd=folder)
    assert str(path) in caught.value.message


@pytest.mark.parametrize(
    ("flags", "environ", "text", "message", "hint"),
    [
        ({}, {}, "prot = 1", "twicetold.toml names 'prot'", "Did you mean port?"),
        ({}, {"TWICETOLD_PROT": "1"}, "", "TWICETOLD_PROT", "Did you mean TWICETOLD_PORT?"),
        ({"lnaguage": "en"}, {}, "", "'lnaguage'", "Did you mean language?"),
        ({}, {}, "[server]\nport = 1", "'server'", ""),
        ({}, {"TWICETOLD_QQQQQQQQ": "1"}, "", "TWICETOLD_QQQQQQQQ", "twicetold config"),
    ],
)
def test_a_name_that_is_no_setting_is_an_error(
    folder: Path,
    flags: dict[str, object],
    environ: dict[str, str],
    text: str,
    message: str,
    hint: str,
) -> None:
    toml(folder, text)
    with pytest.raises(SettingError) as caught:
        load(flags, environ=environ, cwd=folder)
    assert message in caught.value.message
    assert hint in caught.value.hint


WRONG_TEXTS = [
    ("port", "x"),
    ("port", "70000"),
    ("port", "-1"),
    ("port", "80.0"),
    ("port", ""),
    ("lease_s", "soon"),
    ("lease_s", "nan"),
    ("lease_s", "inf"),
    ("lease_s", "0"),
    ("vad_threshold", "1.5"),
    ("log_level", "loud"),
    ("broker", "kafka"),
    ("host", "a b"),
    ("host", ""),
    ("language", "English!"),
    ("live_engine", "../x"),
    ("data_dir", " "),
    ("data_dir", "a\0b"),
]


@pytest.mark.parametrize(("name", "text"), WRONG_TEXTS)
def test_a_wrong_text_says_everything(folder: Path, name: str, text: str) -> None:
    variable = f"TWICETOLD_{name.upper()}"
    for flags, environ, origin in [
        ({}, {variable: text}, variable),
        ({name: text}, {}, "--" + name.replace("_", "-")),
    ]:
        with pytest.raises(SettingError) as caught:
            load(flags, environ=environ, cwd=folder)
        said = caught.value.message
        assert said.startswith(f"{name} (from {origin}) got {text!r}")
        assert said.endswith(f"it takes {takes(name)}.")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", '"8300"'),
        ("port", "true"),
        ("port", "1.5"),
        ("port", "99999"),
        ("port", "[1]"),
        ("lease_s", '"1"'),
        ("lease_s", "false"),
        ("lease_s", "nan"),
        ("host", "1"),
        ("language", "true"),
        ("data_dir", "3"),
        ("tenants_file", "{}"),
        ("broker", '"nowhere"'),
        ("log_level", '"INFO"'),
    ],
)
def test_a_wrong_value_in_the_file_says_everything(folder: Path, name: str, value: str) -> None:
    path = toml(folder, f"{name} = {value}")
    with pytest.raises(SettingError) as caught:
        load({}, environ={}, cwd=folder)
    assert caught.value.message.startswith(f"{name} (from {path}) got ")
    assert takes(name) in caught.value.message


def test_a_wrong_value_is_an_error_even_where_another_wins(folder: Path) -> None:
    toml(folder, "port = 99999")
    with pytest.raises(SettingError):
        load({"port": 1}, environ={}, cwd=folder)


@given(st.floats())
def test_no_number_beyond_the_bounds_passes(number: float) -> None:
    try:
        settings = load({"vad_threshold": number}, environ={}, cwd=Path("/nowhere")).settings
    except SettingError:
        assert not 0.05 <= number <= 0.95
    else:
        assert settings.vad_threshold == number
        assert 0.05 <= number <= 0.95


def test_every_default_is_within_its_own_bounds(folder: Path) -> None:
    defaults = {
        name: getattr(Settings(), name) for name in NAMES if getattr(Settings(), name) is not None
    }
    assert load(defaults, environ={}, cwd=folder).settings == Settings()
    as_text = {f"TWICETOLD_{name.upper()}": str(value) for name, value in defaults.items()}
    assert load({}, environ=as_text, cwd=folder).settings == Settings()


def test_every_setting_is_explained() -> None:
    told = about_settings()
    assert [about.name for about in told] == NAMES
    for about in told:
        assert about.meaning.endswith(".")
        assert about.takes
        assert about.variable == f"TWICETOLD_{about.name.upper()}"


def test_settings_do_not_change() -> None:
    settings: Any = Settings()
    with pytest.raises((FrozenInstanceError, TypeError)):
        settings.port = 1


@pytest.mark.parametrize(
    ("given_url", "shown"),
    [
        ("kafka://user:pass@host:9092/x", "kafka://user:***@host:9092/x"),
        ("redis://:p@ss@host/0", "redis://:***@host/0"),
        ("redis://:p/a#s?s[w]@host/0", "redis://:***@host/0"),
        ("redis://u:S3 cret@host/0", "redis://u:***@host/0"),
        ("Waits for redis://u:p@a/0, http://b:80/x", "Waits for redis://u:***@a/0, http://b:80/x"),
        ("s3://b?region=eu&secret_key=abc&x=1", "s3://b?region=eu&secret_key=***&x=1"),
        ("https://h?a=1&session_token=abc", "https://h?a=1&session_token=***"),
        ("file:///some/where", "file:///some/where"),
        ("http://[::1]:8300", "http://[::1]:8300"),
    ],
)
def test_secrets_in_addresses_are_hidden(given_url: str, shown: str) -> None:
    assert masked(given_url) == shown


def test_an_error_hides_secrets_too(folder: Path) -> None:
    with pytest.raises(SettingError) as caught:
        load({}, environ={"TWICETOLD_BROKER": "kafka//u:hunter2@h"}, cwd=folder)
    assert "hunter2" not in str(caught.value)


def test_a_server_is_found_by_flag_then_environment_then_settings() -> None:
    environ = {"TWICETOLD_URL": "http://e:1/", "TWICETOLD_KEY": "ek"}
    settings = Settings(host="0.0.0.0", port=9000)
    assert server_address(settings, "ws://f:1", "fk", environ=environ) == ("ws://f:1", "fk")
    assert server_address(settings, environ=environ) == ("http://e:1", "ek")
    assert server_address(settings, environ={}) == ("http://127.0.0.1:9000", None)
    assert server_address(Settings(host="::1"), environ={}) == ("http://[::1]:8300", None)
    with pytest.raises(SettingError, match="url got 'host:8300'"):
        server_address(settings, "host:8300", environ={})


def test_a_key_is_never_shown(folder: Path) -> None:
    environ = {"TWICETOLD_OPENAI_KEY": "hunter2", "TWICETOLD_SARVAM_KEY": " "}
    settings = load({}, environ=environ, cwd=folder).settings
    assert settings.openai_key == "hunter2"
    assert settings.sarvam_key is None
    assert shown("openai_key", settings.openai_key) == "***"
    assert shown("sarvam_key", settings.sarvam_key) is None
    assert "hunter2" not in repr(settings)
    (folder / "twicetold.toml").write_text('openai_key = ["hunter2"]\n')
    with pytest.raises(SettingError) as caught:
        load({}, environ={}, cwd=folder)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://h", "https://key@h/v1", "api.openai.com"])
def test_an_address_of_a_remote_engine_holds_no_key(folder: Path, url: str) -> None:
    with pytest.raises(SettingError, match="a URL without a key"):
        load({"openai_url": url}, environ={}, cwd=folder)


@pytest.mark.parametrize("name", ["rules", "lead_rubric"])
def test_a_file_that_a_file_names_lies_beside_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "near").mkdir()
    named = tmp_path / "near" / "t.toml"
    named.write_text(f'{name} = "mine.yaml"\n')
    told = load({"config": named}, environ={}, cwd=tmp_path).settings
    assert getattr(told, name) == str(tmp_path / "near" / "mine.yaml")
    for word in ("default", "none"):
        named.write_text(f'{name} = "{word}"\n')
        assert getattr(load({"config": named}, environ={}, cwd=tmp_path).settings, name) == word
