"""What the operator watches: counters and times for Prometheus, served at /metrics."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """Those of one bot; a registry of its own, so that two bots in a process do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._calls = Counter(
            "kandinsky_bot_calls",
            "Calls of the Bot API by method and outcome",
            ["method", "outcome"],
            registry=self._registry,
        )
        self._updates = Counter(
            "kandinsky_bot_updates",
            "Updates by what became of them",
            ["outcome"],
            registry=self._registry,
        )
        self._deliveries = Counter(
            "kandinsky_bot_deliveries",
            "Results by what became of them",
            ["outcome"],
            registry=self._registry,
        )
        self.stored = Histogram(
            "kandinsky_bot_store_seconds",
            "From an update's arrival to its being stored",
            buckets=SECONDS,
            registry=self._registry,
        )
        self.waiting = Gauge(
            "kandinsky_bot_updates_waiting",
            "Updates that are stored and not handled yet",
            registry=self._registry,
        )

    def call(self, method: str, outcome: str) -> None:
        """`outcome`: sent, refused, away or told to wait."""
        self._calls.labels(method, outcome).inc()

    def update(self, outcome: str) -> None:
        """`outcome`: handled, failed or again."""
        self._updates.labels(outcome).inc()

    def delivery(self, outcome: str) -> None:
        """`outcome`: sent, later or given up."""
        self._deliveries.labels(outcome).inc()

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)
