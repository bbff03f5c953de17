"""Ray Data, in one place: run a function over items on a laptop or a cluster.

An item is a small JSON object that names a part; its task reads, computes, writes and commits, and what
comes back is a small JSON outcome. No data passes through Ray or the driver. Ray starts on the first
item that has to be worked on, so a run with nothing to do never starts it.

A task that raises becomes an outcome with an error, and the other items go on: the one place where
`except Exception` stands. A drained run (SIGTERM) leaves a marker in the lake that tasks look for
before they begin, so parts in flight finish and the rest come back untouched.
"""

from __future__ import annotations

import json
import logging
import os
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any

from corpus import storage
from corpus.errors import PlanError, TokenmillError
from workflows.progress import Progress

log = logging.getLogger(__name__)
Item = dict[str, Any]
Task = Callable[[Item], Item]
MAX_BLOCKS = 5_000  # Ray Data keeps state per block; beyond this, items share blocks


class StepError(TokenmillError):
    """Some parts of a step failed; what is done stays done, and the next run retries the rest."""


class DrainedError(TokenmillError):
    """The run was asked to stop and has stopped cleanly. Exit code 130."""

    exit_code = 130


@dataclass
class Engine:
    """Runs tasks through Ray Data. Use as a context manager."""

    lake: str
    address: str | None = None
    num_cpus: int | None = None
    progress: Progress = field(default_factory=Progress)
    on_start: Callable[[], None] = lambda: None
    _started: bool = False

    def __enter__(self) -> Engine:
        """Nothing starts yet."""
        storage.remove(self.stop_marker)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave or stop Ray, if it was started."""
        if self._started:
            import ray

            ray.shutdown()
        storage.remove(self.stop_marker)

    @property
    def stop_marker(self) -> str:
        """The object whose presence tells tasks not to begin."""
        return storage.join(self.lake, "runs", "stop")

    def drain(self) -> None:
        """Ask tasks that have not begun not to."""
        storage.put(self.stop_marker, b"")

    def map(self, step: str, task: Task, items: Iterable[Item]) -> None:
        """Run `task` on every item. StepError names the first errors; DrainedError if asked to stop."""
        items = list(items)
        if not items:
            return
        if storage.exists(self.stop_marker):
            raise DrainedError(f"stopped before step {step}; run the same command again to go on")
        self._start()
        failed: list[Item] = []
        stopped = 0
        with self.progress.step(step, len(items)) as bar:
            for outcome in self._outcomes(step, task, items):
                bar.advance(outcome.get("counts", {}))
                stopped += bool(outcome.get("stopped"))
                if "error" in outcome:
                    failed.append(outcome)
        if failed:
            raise StepError(_describe(step, failed, len(items)))
        if bar.done != len(items):
            raise StepError(
                f"step {step}: {len(items) - bar.done} of {len(items)} parts vanished; run again"
            )
        if stopped:
            raise DrainedError(
                f"stopped in step {step} with {stopped} of {len(items)} parts left; "
                "run the same command again to go on"
            )

    def _outcomes(self, step: str, task: Task, items: list[Item]) -> Iterable[Item]:
        import ray.data

        rows = [{"item": json.dumps(item)} for item in items]
        source = ray.data.from_items(rows, override_num_blocks=min(len(rows), MAX_BLOCKS))
        attempted = source.map(partial(_attempt, task, self.stop_marker), num_cpus=1)
        try:
            for row in attempted.iter_rows():
                yield json.loads(row["outcome"])
        except ray.exceptions.RayError as error:
            reason = str(error).splitlines()[0]
            raise StepError(
                f"step {step}: a worker was lost ({type(error).__name__}: {reason}). What is committed stays; "
                "run again, with fewer --num-cpus if the machine ran out of memory"
            ) from error

    def _start(self) -> None:
        if self._started:
            return
        os.environ.setdefault("RAY_DEDUP_LOGS", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        import ray

        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if self.address:
            ray.init(address=self.address, **quiet)
        else:
            # without "local", Ray joins whatever cluster someone else left running on this machine
            ray.init(address="local", num_cpus=self.num_cpus, include_dashboard=False, **quiet)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        self._started = True
        self.on_start()


def check_address(address: str | None, lake: str) -> None:
    """PlanError for a cluster with a lake on a path that its nodes do not share."""
    local = address in (None, "local") or os.environ.get("TOKENMILL_SHARED_LAKE") == "1"
    if not local and storage.is_local(lake):
        raise PlanError(
            f"the lake {lake} is a local path, which the nodes of the cluster {address} do not "
            "share. Use an object-store URI (--lake s3://bucket/prefix), or set "
            "TOKENMILL_SHARED_LAKE=1 if every node mounts that path."
        )


def _attempt(task: Task, stop_marker: str, row: dict[str, str]) -> dict[str, str]:
    item = json.loads(row["item"])
    if storage.exists(stop_marker):
        return {"outcome": json.dumps({"stopped": True})}
    try:
        outcome = task(item)
    except Exception as error:  # noqa: BLE001 - a task becomes an outcome; nothing is lost, the run goes on
        outcome = {
            "error": f"{type(error).__name__}: {error}",
            "key": " ".join(item[name] for name in ("source", "key") if name in item),
            "trace": traceback.format_exc(),
        }
    return {"outcome": json.dumps(outcome)}


def _describe(step: str, failed: list[Item], total: int) -> str:
    for outcome in failed:
        log.debug("step %s, %s:\n%s", step, outcome["key"], outcome["trace"])
    shown = [f"  {outcome['key']}: {outcome['error']}" for outcome in failed[:5]]
    more = [f"  … and {len(failed) - 5} more"] if len(failed) > 5 else []
    return "\n".join(
        [
            f"step {step}: {len(failed)} of {total} parts failed (the others are committed; "
            "mend the cause and run again):",
            *shown,
            *more,
        ]
    )
