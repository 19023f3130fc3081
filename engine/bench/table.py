"""The report as text: a line for each figure, plain and ours, how many times better, the goal."""

from __future__ import annotations

from engine.bench.report import Line, Measured, Report

HEAD = ("", "plain", "ours", "ratio", "goal", "")


def table(report: Report) -> str:
    """The whole report."""
    parts = [*_head(report)]
    if report.lines:
        parts += ["", *_aligned([HEAD, *(_cells(report, line) for line in report.lines.values())])]
    parts += ["", *_foot(report)]
    if (number := report.an_hour()) is not None:
        parts += ["", f"This machine makes about {number:,} pictures an hour ({report.model})."]
    return "\n".join(parts)


def sentence(report: Report, line: Line) -> str:
    """One line by itself, for progress."""
    return "  ".join(cell for cell in _cells(report, line) if cell)


def _head(report: Report) -> list[str]:
    machine = report.machine
    parts = [
        f"{machine.cpu}, {machine.cores} cores; {machine.device}, {machine.dtype}",
        f"torch {machine.torch}, diffusers {machine.diffusers}; {report.model}",
    ]
    return parts + ([f"plain diffusers: {report.baseline}"] if report.baseline else [])


def _foot(report: Report) -> list[str]:
    parts = [f"{name}: {note}" for name, note in report.notes.items()]
    parts += [f"{name} failed: {why}" for name, why in report.failed.items()]
    if not report.finished:
        parts.append("Stopped before the end; this is what was measured so far.")
    return parts


def _cells(report: Report, line: Line) -> tuple[str, ...]:
    goals = report.goals_of(line)
    return (
        line.what,
        _with_spread(line.plain, line.unit),
        _with_spread(line.ours, line.unit),
        "" if line.ratio is None else f"{shown(line.ratio)}x",
        ", ".join(str(goal) for goal in goals),
        _verdict({line.met(goal) for goal in goals}),
    )


def _verdict(met: set[bool | None]) -> str:
    """Of several goals all must be met."""
    if False in met:
        return "missed"
    return "met" if True in met else ""


def shown(value: float) -> str:
    """Three digits, and never an exponent where people read it."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _with_spread(figure: Measured | None, unit: str) -> str:
    if figure is None:
        return "-"
    text = f"{shown(figure.value)} {unit}"
    if len(figure.samples) > 1:
        text += f" ({shown(figure.low)}..{shown(figure.high)})"
    return text


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
