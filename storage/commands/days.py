"""A number of days, as commands take it."""

from __future__ import annotations

import argparse
from datetime import timedelta

LIMIT = 36_500  # a hundred years


def days(text: str) -> timedelta:
    """For `type=` of an argument."""
    if not text.isdecimal() or not 0 < int(text) <= LIMIT:
        raise argparse.ArgumentTypeError(f"use 1 to {LIMIT} days")
    return timedelta(days=int(text))
