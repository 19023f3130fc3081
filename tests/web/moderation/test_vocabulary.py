from __future__ import annotations

import re
from pathlib import Path

import engine
import storage
from engine.texts import Texts
from web.moderation.vocabulary import Vocabulary

WRITTEN = re.compile(r'\b(?:audit\(\s*session,|_audit\.add\()\s*"([^"]+)"')


def test_whatever_is_written_down_has_a_name() -> None:
    folders = [Path(package.__path__[0]) for package in (engine, storage)]
    files = [file.read_text() for folder in folders for file in folder.rglob("*.py")]
    written = {action for text in files for action in WRITTEN.findall(text)}
    assert written >= {"decide", "erase", "join", "password", "view"}
    assert written <= Vocabulary(Texts("en")).actions().keys()
