"""How a benchmark reports: a table on the screen, rows in `results.csv`, and the latest of them in `README.md`.

`results.csv` only grows: `date` (UTC), `commit` (with `+` where the tree had changes), `machine`, `benchmark`,
`measure`, `unit`, `ours`, `reference` (the figure of `beside` in the same run), `beside`, `ratio` (ours / reference).
"""

from __future__ import annotations

import csv
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
TABLE = Path(os.environ.get("RESULTS", HERE / "results.csv"))
PAGE = HERE / "README.md"
COLUMNS = (
    *("date", "commit", "machine", "benchmark", "measure", "unit"),
    *("ours", "reference", "beside", "ratio"),
)
SHOWN = ("measure", "unit", "ours", "reference", "beside", "ratio", "date", "commit")
MARKS = ("<!-- results: begin -->", "<!-- results: end -->")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured number of ours, and what it stands beside: a library, a bound, or another run of ours."""

    measure: str
    unit: str
    ours: float
    reference: float | None = None
    beside: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours over the reference."""
        return self.ours / self.reference if self.reference else None


def report(benchmark: str, figures: Sequence[Figure]) -> None:
    """Print the figures, append them to `results.csv`, and make the page's table anew."""
    rows = [_row(benchmark, figure) for figure in figures]
    show(rows)
    known = TABLE.exists()
    with TABLE.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if not known:
            writer.writeheader()
        writer.writerows(rows)
    if TABLE.parent == HERE:
        _renew_page()


def show(rows: Sequence[dict[str, str]]) -> None:
    """Print rows as an aligned table."""
    columns = ("measure", "unit", "ours", "reference", "beside", "ratio")
    lines = [columns, *(tuple(row[name] for name in columns) for row in rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(columns))]
    for line in lines:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )


def read() -> list[dict[str, str]]:
    """All rows so far."""
    if not TABLE.exists():
        return []
    with TABLE.open(newline="") as file:
        return list(csv.DictReader(file))


def machine() -> str:
    """Processor, cores and memory of this machine."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB"


def commit() -> str:
    """The commit that is checked out, with `+` where files of the five packages or the benchmarks differ from it."""
    head = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--", "*.py", "*.yaml", "constraints.txt")
    return head + ("+" if changed else "")


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=HERE, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _row(benchmark: str, figure: Figure) -> dict[str, str]:
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": commit(),
        "machine": machine(),
        "benchmark": benchmark,
        "measure": figure.measure,
        "unit": figure.unit,
        "ours": _number(figure.ours),
        "reference": _number(figure.reference),
        "beside": figure.beside,
        "ratio": _number(figure.ratio),
    }


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def _renew_page() -> None:
    """Put the latest row of each measure between the marks of `README.md`."""
    before, rest = PAGE.read_text("utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    latest = {(row["benchmark"], row["measure"]): row for row in read()}
    text = "\n\n".join(_section(name, rows) for name, rows in _grouped(latest.values()))
    PAGE.write_text(f"{before}{MARKS[0]}\n\n{text}\n\n{MARKS[1]}{after}", "utf-8")


def _grouped(rows: Iterable[dict[str, str]]) -> list[tuple[str, list[dict[str, str]]]]:
    groups: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault(row["benchmark"], []).append(row)
    return sorted(groups.items())


def _section(benchmark: str, rows: list[dict[str, str]]) -> str:
    lines = [
        f"### `make bench-{benchmark}`",
        "",
        *(f"Machine: {name}." for name in sorted({r["machine"] for r in rows})),
        "",
    ]
    lines += [f"| {' | '.join(SHOWN)} |", f"|{'---|' * len(SHOWN)}"]
    lines += [f"| {' | '.join(row[name] for name in SHOWN)} |" for row in rows]
    return "\n".join(lines)
