from __future__ import annotations

import threading

import pytest
import torch
from torch import Tensor, nn

from engine import Settings
from engine.runtime.device import Device, bucket


def device(**fields: object) -> Device:
    return Device(Settings.model_validate({"device": "cpu", "threads": 3} | fields))


class Noted:
    """Adds its two arguments; notes the rows of each call and the thread it was made in."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, str]] = []

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        self.calls.append((len(x), threading.current_thread().name))
        return x + y

    @property
    def rows(self) -> list[int]:
        return sorted(rows for rows, _ in self.calls)


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [
        (1, None, [1]),
        (2, None, [1, 1]),
        (7, None, [2, 2, 3]),
        (7, 1, [1] * 7),
        (7, 2, [1, 2, 2, 2]),
    ],
)
def test_rows_are_spread_over_the_lanes_in_order(
    count: int, most: int | None, expected: list[int]
) -> None:
    noted = Noted()
    x = torch.arange(float(count))
    assert torch.equal(device().run(noted, x, 2 * x, most=most), 3 * x)
    assert noted.rows == expected


def test_few_rows_are_not_worth_a_lane() -> None:
    noted = Noted()
    x = torch.arange(7.0)
    device().run(noted, x, x, least=4)
    device().run(noted, x, x, least=3)
    assert noted.rows == [3, 4, 7]


def test_a_deterministic_device_runs_row_by_row() -> None:
    noted = Noted()
    x = torch.arange(5.0)
    assert torch.equal(device(deterministic=True).run(noted, x, x), 2 * x)
    assert noted.rows == [1] * 5


def test_cores_that_have_no_rows_help_with_the_operations() -> None:
    found = []

    def threads(x: Tensor) -> Tensor:
        found.append(torch.get_num_threads())
        return x

    device(threads=4).run(threads, torch.zeros(2))
    assert found == [2, 2]
    device(threads=4).run(threads, torch.zeros(1))
    assert found == [2, 2, 4]
    torch.set_num_threads(1)


def test_a_fault_in_a_lane_is_raised() -> None:
    def fault(x: Tensor) -> Tensor:
        raise ValueError(f"{len(x)} rows")

    with pytest.raises(ValueError, match="rows"):
        device().run(fault, torch.zeros(4))


def test_a_traced_network_takes_any_number_and_size() -> None:
    torch.manual_seed(0)
    network = nn.Conv2d(1, 2, 3, padding=1)
    here = device()
    traced = here.traced(here.place(network), torch.zeros(2, 1, 8, 8))
    x = torch.randn(5, 1, 6, 10)
    torch.testing.assert_close(here.run(traced, x), network(x))


def test_time_in_the_networks_is_counted() -> None:
    here = device()
    here.run(Noted(), torch.zeros(4), torch.zeros(4))
    assert here.seconds > 0


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (MemoryError(), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("shapes differ"), False),
        (ValueError("not enough memory of mine"), False),
    ],
)
def test_a_failed_allocation_is_told_from_other_faults(error: Exception, expected: bool) -> None:
    assert device().out_of_memory(error) is expected


def test_a_real_failed_allocation_is_told() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**60)
    assert device().out_of_memory(raised.value)


def test_buckets() -> None:
    assert [bucket(rows) for rows in (1, 2, 3, 9, 32, 33)] == [1, 2, 4, 16, 32, 33]
