"""Run the sections that were asked for and show what they found, all or as far as they came."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path

from engine.bench import models, options, table
from engine.bench.machine import machine
from engine.bench.models import Model
from engine.bench.options import Options
from engine.bench.plain import quiet
from engine.bench.progress import say
from engine.bench.report import Line, Report
from engine.bench.rig import rig
from engine.bench.sections import SECTIONS, memory
from engine.errors import UserError

STOPPED = 130  # as a shell names a program that was interrupted


def main(given: list[str]) -> int:
    """Returns the exit status: 0, 1 when a section failed, 130 when interrupted."""
    chosen = options.read(given)
    quiet()
    try:
        model = models.find(chosen)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    if chosen.child:
        print(json.dumps(asyncio.run(memory.child(chosen, model))))
        return 0
    report = _report(chosen, model)
    status = 0
    try:
        asyncio.run(measure(chosen, model, report))
        report.finished = True
    except KeyboardInterrupt:
        status = STOPPED
    show(report, chosen.json)
    return status or int(bool(report.failed))


async def measure(chosen: Options, model: Model, report: Report) -> None:
    """Fill the report, section by section."""
    if "memory" in chosen.only:
        await _section(report, "memory", memory.lines(chosen), memory.NOTE)
    names = [name for name in chosen.only if name in SECTIONS]
    if not names:
        return
    try:
        async with rig(model, quick=chosen.quick, seed=chosen.seed) as it:
            report.baseline = it.baseline
            for name in names:
                section = SECTIONS[name]
                seconds = 0.0 if chosen.trial else section.seconds[not chosen.quick]
                await _section(report, name, section.lines(it, seconds), section.note)
    except Exception as error:
        _failed(report, "start", error)


async def _section(report: Report, name: str, lines: AsyncIterator[Line], note: str) -> None:
    """One that fails leaves the others their turn."""
    say(name)
    try:
        async for line in lines:
            report.add(line)
            if note:
                report.notes[name] = note
            say(table.sentence(report, line))
    except Exception as error:
        _failed(report, name, error)


def _failed(report: Report, name: str, error: Exception) -> None:
    traceback.print_exception(error)
    report.failed[name] = f"{type(error).__name__}: {error}"


def show(report: Report, place: str) -> None:
    """The table, and JSON where it was asked for; standard output never holds both."""
    print(table.table(report), file=sys.stderr if place == "-" else sys.stdout)
    text = json.dumps(report.as_json(), indent=1, ensure_ascii=False)
    if place == "-":
        print(text)
    elif place:
        Path(place).write_text(text + "\n")


def _report(chosen: Options, model: Model) -> Report:
    kept = {name: value for name, value in asdict(chosen).items() if name not in ("given", "child")}
    kept["folder"] = None if chosen.folder is None else str(chosen.folder)
    found = machine(model.device, str(model.dtype).removeprefix("torch."))
    return Report(found, kept, model.title)


def _exit(status: int) -> None:
    """Leave at once: a thread may still be at a picture that nobody waits for."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _exit(main(sys.argv[1:]))
