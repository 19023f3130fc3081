from __future__ import annotations

from engine.runtime.caches import Cache, CacheStats


def cache(limit: int) -> Cache[str]:
    return Cache(limit, len)


def test_what_was_put_is_found_and_counted() -> None:
    held = cache(10)
    assert held.get("a") is None
    held.put("a", "1234")
    assert held.get("a") == "1234"
    assert held.stats() == CacheStats(hits=1, misses=1, bytes=4)


def test_the_least_recently_used_goes_when_the_bytes_run_out() -> None:
    held = cache(10)
    held.put("a", "1234")
    held.put("b", "1234")
    held.get("a")
    held.put("c", "1234")
    assert [held.get(key) is not None for key in "abc"] == [True, False, True]
    assert held.stats().bytes == 8


def test_a_value_put_again_counts_once() -> None:
    held = cache(10)
    held.put("a", "1234")
    held.put("a", "12")
    assert held.stats().bytes == 2


def test_a_limit_of_nothing_keeps_nothing() -> None:
    held = cache(0)
    held.put("a", "1")
    assert held.get("a") is None
    assert held.stats().bytes == 0


def test_a_value_larger_than_the_limit_is_not_kept() -> None:
    held = cache(3)
    held.put("a", "1234")
    assert held.stats().bytes == 0


def test_clearing_keeps_the_counts() -> None:
    held = cache(10)
    held.put("a", "1234")
    held.get("a")
    held.clear()
    assert held.get("a") is None
    assert held.stats() == CacheStats(hits=1, misses=1, bytes=0)
