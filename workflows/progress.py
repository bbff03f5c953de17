"""How far a step is: a live line on a terminal, plain log lines elsewhere.

Both show parts, documents, tokens, the rate and the time left.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

log = logging.getLogger("tokenmill")
SECONDS_BETWEEN_LINES = 10.0


@dataclass
class Bar:
    """The state of one step."""

    step: str
    total: int
    unit: str = "parts"
    live: Live | None = None
    done: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    _said: float = 0.0

    def advance(self, counts: Mapping[str, int], parts: int = 1) -> None:
        """One more is done, or several."""
        self.done += parts
        for name in ("documents", "requests", "tokens"):
            self.counts[name] = self.counts.get(name, 0) + counts.get(name, 0)
        now = time.monotonic()
        if self.live is not None:
            self.live.update(Text(self.line()))
        elif (
            self.done < self.total and now - max(self._said, self.started) >= SECONDS_BETWEEN_LINES
        ):
            self._said = now
            log.info("%s", self.line())

    def line(self) -> str:
        """`annotate      12/40 parts  8,120 documents  …`."""
        seconds = max(time.monotonic() - self.started, 1e-9)
        words = [f"{self.step:<16}", f"{self.done:,}/{self.total:,} {self.unit}"]
        words += [f"{value:,} {name}" for name, value in self.counts.items() if value]
        words.append(f"{seconds:.0f} s")
        if 0 < self.done < self.total:
            words.append(f"{seconds / self.done * (self.total - self.done):.0f} s left")
        return "  ".join(words)


class Progress:
    """Where progress goes. `quiet` says nothing."""

    def __init__(self, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._quiet = quiet
        self._console = Console(file=stream or sys.stderr)

    @contextmanager
    def step(self, name: str, total: int, unit: str = "parts") -> Iterator[Bar]:
        """Show a step while it runs, and one line when it is done."""
        bar = Bar(name, total, unit)
        if self._quiet:
            yield bar
            return
        if self._console.is_terminal:
            with Live(console=self._console, transient=True) as bar.live:
                yield bar
        else:
            yield bar
        log.info("%s", bar.line())
