"""``deploy/compose.yaml`` without a container engine: it is valid, it names nothing that is not
there, and its roles, settings and Redis are those that the product takes."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
from ruamel.yaml import YAML
from tests.carriers.kafka_server import KafkaServer, needs_kafka
from tests.carriers.process import free_port
from tests.carriers.redis_server import RedisServer, needs_redis

from twicetold import config
from twicetold.broker.kafka.options import KafkaOptions
from twicetold.broker.rabbitmq.options import RabbitOptions
from twicetold.cli.main import app
from twicetold.sessions.redis import RedisSessions

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
FILE: dict[str, Any] = YAML(typ="safe").load(COMPOSE)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
OURS = sorted(name for name, service in SERVICES.items() if service["image"] == "twicetold")
ROLES = [name for name in OURS if "command" in SERVICES[name]]
VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def filled(text: str) -> str:
    """With every variable at its default, as where nobody has set any."""
    return VARIABLE.sub(lambda found: found[2] or "", text)


def settings_of(service: str) -> config.Settings:
    environ = {name: filled(value) for name, value in SERVICES[service]["environment"].items()}
    return config.load({}, environ=environ, cwd=DEPLOY).settings


def option(service: str, name: str) -> str:
    command = SERVICES[service]["command"]
    return str(command[command.index(name) + 1])


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def valid(path: Path) -> subprocess.CompletedProcess[str]:
    """Held against the compose specification's own schema."""
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    return subprocess.run([*check, str(path)], capture_output=True, text=True, check=False)


def test_it_is_valid_by_the_specification(tmp_path: Path) -> None:
    checked = valid(COMPOSE)
    assert checked.returncode == 0, checked.stdout
    broken = tmp_path / "compose.yaml"
    broken.write_text(COMPOSE.read_text().replace("stop_grace_period: 30s", "stop_grace: 30s"))
    assert "stop_grace" in valid(broken).stdout


def test_there_are_as_many_of_each_as_promised() -> None:
    many = {name: SERVICES[name].get("deploy", {}).get("replicas", 1) for name in ROLES}
    assert many == {"batch": 1, "gateway-1": 1, "gateway-2": 1, "live": 2, "record": 1}
    behind = {
        name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service
    }
    assert behind == {"rabbitmq": ["rabbitmq"], "twicetold": ["tools"]}


@pytest.mark.parametrize("name", OURS)
def test_its_settings_are_ours_and_right(name: str) -> None:
    settings = settings_of(name)
    assert (settings.broker, settings.sessions) == ("kafka://kafka:9092", "redis://redis:6379/0")
    KafkaOptions.parse(settings.broker)
    assert seconds(SERVICES[name]["stop_grace_period"]) > settings.drain_s


def test_the_way_to_rabbitmq_leads_there() -> None:
    page = (ROOT / "docs/how-to/run-with-compose.md").read_text()
    broker = re.search(r"BROKER=(rabbitmq://\S+)", page)
    assert broker is not None
    url = RabbitOptions.parse(broker[1]).url
    assert url.hosts == ("rabbitmq:5672",)
    there = SERVICES["rabbitmq"]["environment"]
    assert url.user == there["RABBITMQ_DEFAULT_USER"]
    assert url.password == filled(there["RABBITMQ_DEFAULT_PASS"])


def test_the_images_settings_are_ours() -> None:
    named = re.findall(r"TWICETOLD_\w+", (DEPLOY / "Dockerfile").read_text())
    assert named
    assert set(named) <= {about.variable for about in config.about_settings()}


@pytest.mark.parametrize("name", ROLES)
def test_its_commands_are_ours(name: str) -> None:
    command: Any = typer.main.get_command(app)
    words = list(SERVICES[name]["command"])
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    parsed = command.make_context(name, words)  # raises for an option or a value that is not ours
    assert parsed.params["host"] == "0.0.0.0"


def test_a_command_that_is_written_down_for_people_is_ours() -> None:
    texts = [COMPOSE.read_text(), (ROOT / "docs/how-to/run-with-compose.md").read_text()]
    lines = [line for text in texts for line in re.findall(r"run --rm .*?\btwicetold (.+)", text)]
    assert lines
    for line in lines:
        command: Any = typer.main.get_command(app)
        words = shlex.split(line, comments=True)
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        command.make_context("twicetold", words)


@pytest.mark.parametrize("name", ROLES)
def test_its_health_is_asked_where_it_answers(name: str) -> None:
    asking = SERVICES[name]["healthcheck"]["test"][-1]
    assert f"http://127.0.0.1:{option(name, '--port')}/readyz" in asking
    compile(asking, name, "exec")


def test_whatever_it_names_is_there() -> None:
    volumes, networks = set(), set()
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= SERVICES.keys()
        networks |= set(service["networks"])
        for source in (volume.split(":")[0] for volume in service.get("volumes", ())):
            if source.startswith("."):
                assert (DEPLOY / source).is_file()
            else:
                volumes.add(source)
    assert volumes == FILE["volumes"].keys()
    assert networks == FILE["networks"].keys()
    built = SERVICES["live"]["build"]
    assert (DEPLOY / built["context"] / built["dockerfile"]).is_file()


def test_whoever_is_waited_for_has_a_health_check() -> None:
    for service in SERVICES.values():
        awaited = service.get("depends_on", {})
        for name in awaited if isinstance(awaited, dict) else ():
            assert awaited[name] == {"condition": "service_healthy"}
            assert "healthcheck" in SERVICES[name]
            assert "profiles" not in SERVICES[name]


def test_every_process_has_its_limits_and_comes_back() -> None:
    for name, service in SERVICES.items():
        if name != "twicetold":
            assert service["restart"] == "unless-stopped"
            assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}


def test_the_roles_share_one_data_directory_and_only_the_door_is_open() -> None:
    for name in OURS:
        assert SERVICES[name]["volumes"] == ["data:/data"]
        assert settings_of(name).data_dir == Path("/data")
        assert SERVICES[name]["read_only"]
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["door"]


def test_the_door_leads_to_every_gateway() -> None:
    door = (DEPLOY / "Caddyfile").read_text()
    doors = re.findall(r"(\S+):8300", door)
    assert doors == [name for name in ROLES if name.startswith("gateway")]
    assert {option(name, "--port") for name in doors} == {"8300"}
    assert "outside" in SERVICES["gateway-1"]["networks"]


def test_kafka_is_the_one_that_is_tested() -> None:
    pom = (ROOT / "tests/carriers/kafka/pom.xml").read_text()
    tested = re.search(r"kafka_2\.13</artifactId>\s*<version>([\d.]+)<", pom)
    assert tested is not None
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{tested[1]}"


@needs_kafka()
@pytest.mark.slow
def test_kafka_takes_the_settings_that_it_has_there(tmp_path: Path) -> None:
    server = KafkaServer(tmp_path)
    mine = {"KAFKA_LOG_DIRS": str(tmp_path / "data"), "KAFKA_HEAP_OPTS": ""}
    there = {**SERVICES["kafka"]["environment"], **mine}
    lines = [f"{name[6:].lower().replace('_', '.')}={value}" for name, value in there.items()]
    text = re.sub(r"//(kafka)?:9092", f"//{server.address}", "\n".join(lines))
    (tmp_path / "server.properties").write_text(text.replace(":9093", f":{free_port()}"))
    with server:
        assert server.answers()


@needs_redis()
async def test_redis_as_it_is_started_there_is_good_enough(tmp_path: Path) -> None:
    program, *options = SERVICES["redis"]["command"]
    assert program == "redis-server"
    undone = ("--appendonly", "no", "--maxmemory-policy", "allkeys-lru")  # theirs come after
    with RedisServer(tmp_path, *undone, *options) as server:
        sessions = RedisSessions(f"{server.url}/0", "tests")
        try:
            await sessions.start()
            await sessions.check()
        finally:
            await sessions.aclose()
