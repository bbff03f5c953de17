"""One HTML page about a lake: `gather` counts, `render` tells, `write_report` puts it there."""

from __future__ import annotations

from corpus import storage
from workflows.report.facts import Report
from workflows.report.gather import gather
from workflows.report.page import render

PAGE = "reports/report.html"

__all__ = ["Report", "gather", "render", "write_report"]


def write_report(lake: str, out: str | None = None) -> str:
    """Write the page to `out`, by default into the lake; returns where it stands."""
    lake = storage.absolute(lake)
    target = storage.join(lake, PAGE) if out is None else storage.absolute(out)
    storage.put(target, render(gather(lake)).encode())
    return target
