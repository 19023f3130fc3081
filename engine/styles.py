"""The style presets: words that are added to a prompt."""

from __future__ import annotations

STYLES: dict[str, str] = {}
