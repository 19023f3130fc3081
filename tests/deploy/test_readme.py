"""README.md: what it says of settings is so."""

from __future__ import annotations

import re
from pathlib import Path

from engine.settings import Settings

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_every_setting_is_in_the_table_and_no_other() -> None:
    rows = re.findall(r"^\| `KANDINSKY_(\w+)` \|", README, re.MULTILINE)
    assert rows == [name.upper() for name in Settings.model_fields]
