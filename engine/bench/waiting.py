"""Arrivals at random and what they wait: the arithmetic of queues, no clock and no engine."""

from __future__ import annotations

import numpy as np


def arrivals(rng: np.random.Generator, number: int, rate: float) -> list[float]:
    """Times in seconds of `number` Poisson arrivals, `rate` a second; the first is at 0."""
    gaps = rng.exponential(1 / rate, number)
    return [float(time) for time in np.cumsum(gaps) - gaps[0]]


def one_server(times: list[float], services: list[float]) -> list[float]:
    """Latencies in seconds of requests that one server takes in order of arrival.

    Lindley's recursion (1952): each begins when it has come and the one before has left.
    """
    latencies, free = [], 0.0
    for time, service in zip(times, services, strict=True):
        free = max(time, free) + service
        latencies.append(free - time)
    return latencies


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` percent of the values lie, interpolated linearly."""
    return float(np.percentile(values, share))
