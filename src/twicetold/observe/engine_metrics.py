"""How engines do, for Prometheus: by pass and by engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Pass = Literal["live", "live_final", "batch"]
_LABELS = ("pass", "engine")
_SERVED = "Utterances (or jobs) that an engine brought to an end."
_FAILURES = "Attempts that came to nothing by the engine's doing."
_OUT = "1 while an engine rests after failures and others step in."
_GUARDED = "What an engine's guards against invented text and loops did, by reason."


class EngineHealth(Protocol):
    """What an engine has come to in this process."""

    @property
    def served(self) -> int: ...
    @property
    def failures(self) -> int: ...
    @property
    def out(self) -> bool: ...


class EngineCollector(Collector):
    """Reads the figures of all engines when it is asked."""

    def __init__(self) -> None:
        self._healths: dict[Pass, Mapping[str, EngineHealth]] = {}
        self._guarded: dict[Pass, Mapping[str, Mapping[str, int]]] = {}

    def show(
        self,
        pass_: Pass,
        healths: Mapping[str, EngineHealth],
        guarded: Mapping[str, Mapping[str, int]],
    ) -> None:
        """Healths, and what guards did by reason, by the engines' labels; those shown of that pass
        before are forgotten."""
        self._healths[pass_], self._guarded[pass_] = healths, guarded

    def collect(self) -> Iterator[Metric]:
        served = CounterMetricFamily("twicetold_engine_served", _SERVED, labels=_LABELS)
        failures = CounterMetricFamily("twicetold_engine_failures", _FAILURES, labels=_LABELS)
        out = GaugeMetricFamily("twicetold_engine_out", _OUT, labels=_LABELS)
        for pass_, healths in self._healths.items():
            for label, health in healths.items():
                served.add_metric((pass_, label), health.served)
                failures.add_metric((pass_, label), health.failures)
                out.add_metric((pass_, label), float(health.out))
        yield from (served, failures, out, self._of_guards())

    def _of_guards(self) -> Metric:
        labels = (*_LABELS, "reason")
        guarded = CounterMetricFamily("twicetold_engine_guarded", _GUARDED, labels=labels)
        for pass_, engines in self._guarded.items():
            for label, counts in engines.items():
                for reason, count in sorted(counts.items()):
                    guarded.add_metric((pass_, label, reason), count)
        return guarded
