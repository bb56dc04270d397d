"""A real Kafka for tests: one node that is broker and controller, ready in two seconds."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from tests.carriers import kafka_jars
from tests.carriers.missing import needs
from tests.carriers.process import HOST, ServerProcess, connects, free_port

CLUSTER = "dHdpY2V0b2xkLXRlc3RzLQ"  # any 16 bytes in base64
FLAGS = ("-Xmx384m", "-Xms96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
# A broker that was killed is let in again once its old session has ended: 9 s by default.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={directory}/data
auto.create.topics.enable=false
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
log.cleaner.dedupe.buffer.size=2097152
num.network.threads=2
num.io.threads=4
"""
LOGGING = """\
status = warn
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
"""


def needs_kafka() -> pytest.MarkDecorator:
    """Skips loudly where Kafka cannot be run; with CARRIERS=require that is a failure."""
    return needs("Kafka", kafka_jars.lack())


class KafkaServer(ServerProcess):
    """``more`` are properties of the server, such as {"log.retention.ms": "1000"}."""

    name = "Kafka"

    def __init__(self, directory: Path, more: dict[str, str] | None = None) -> None:
        super().__init__(directory)
        self.port = free_port()
        self.url = f"kafka://{HOST}:{self.port}"
        self._properties = directory / "server.properties"
        written = PROPERTIES.format(
            host=HOST, port=self.port, controller_port=free_port(), directory=directory
        )
        written += "".join(f"{key}={value}\n" for key, value in (more or {}).items())
        self._properties.write_text(written)
        (directory / "log4j2.properties").write_text(LOGGING)

    @property
    def address(self) -> str:
        """For clients: ``bootstrap.servers``."""
        return f"{HOST}:{self.port}"

    def start(self) -> None:
        if not (self.directory / "data").exists():
            self._format()
        self._launch(self._java("kafka.Kafka", str(self._properties)))
        self._until_it_answers()

    def answers(self) -> bool:
        if not connects(self.port):
            return False
        try:
            client = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
            return bool(client.list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    def _format(self) -> None:
        tool = ("kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(self._properties))
        done = subprocess.run(self._java(*tool), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"Kafka could not format its directory: {done.stdout}{done.stderr}")

    def _java(self, *command: str) -> list[str]:
        java, jars = kafka_jars.java(), kafka_jars.folder()
        assert java is not None
        logging = f"-Dlog4j2.configurationFile={self.directory}/log4j2.properties"
        return [java, *FLAGS, logging, "-cp", f"{jars}/*", *command]
