"""Ray, in one place: run a function over items on a laptop or a cluster.

An item is a small dict that names a part; its task reads, computes, writes and commits, and what comes
back is a small dict too. No data passes through Ray or the driver, so this is Ray's tasks and not Ray Data,
which keeps state per block and spends 15 ms on an item where a task takes 1 (5,000 items, 2 cores). Ray starts
on the first item that has to be worked on, so a run with nothing to do never starts it.

At most `IN_FLIGHT` items for each core of the cluster are with Ray; a finished one leaves nothing behind, so the
driver holds as much for a million items as for a thousand. A task has one core: libraries with thread pools of
their own are told so.

A task that raises becomes an outcome with an error, and so does one whose worker dies, after `RETRIES`; the other
items go on. This is the one place where `except Exception` stands. A drained run (SIGTERM) leaves a marker in the
lake that tasks look for before they begin, so parts in flight finish and the rest come back untouched.
"""

from __future__ import annotations

import logging
import math
import os
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from corpus import storage
from corpus.errors import PlanError, TokenmillError
from workflows.progress import Progress

log = logging.getLogger(__name__)
Item = dict[str, Any]
Task = Callable[[Item], Item]
IN_FLIGHT = 2  # items with Ray per core: no core waits for the driver
LEAST_IN_FLIGHT = 256  # so many in any case: an autoscaler sees what waits
SECONDS_BETWEEN_COUNTS = 10.0  # of the cluster's cores, which may grow
RETRIES = 3  # of an item whose worker died, also for want of memory: by itself Ray would never give that up
SHOWN = 5  # errors of a step that its message names
POOLS = ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS", "NUMBA_NUM_THREADS")
# Parts come and go in allocations of megabytes, which glibc would map and unmap each time: page faults were 7 % of
# the annotating pass, 2 % with these. Its largest threshold, and how much freed memory a worker may keep.
MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(256 << 20)}


class StepError(TokenmillError):
    """Some parts of a step failed; what is done stays done, and the next run retries the rest."""


class DrainedError(TokenmillError):
    """The run was asked to stop and has stopped cleanly. Exit code 130."""

    exit_code = 130


@dataclass
class Engine:
    """Runs tasks on Ray. Use as a context manager."""

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

    def map(
        self,
        step: str,
        task: Task,
        items: Iterable[Item],
        *,
        at_once: int | None = None,
        num_gpus: int = 0,
    ) -> Counter[str]:
        """Run `task` on every item, at most `at_once` at a time, each with so many GPUs; the sums of their counts.
        StepError names the first errors; DrainedError if asked to stop.
        """
        items = list(items)
        counts = Counter[str]()
        if not items:
            return counts
        if storage.exists(self.stop_marker):
            raise DrainedError(f"stopped before step {step}; run the same command again to go on")
        self._start()
        failed = stopped = 0
        errors: list[str] = []
        with self.progress.step(step, len(items)) as bar:
            for outcome in self._outcomes(task, items, at_once or len(items), num_gpus):
                bar.advance(outcome.get("counts", {}))
                counts.update(outcome.get("counts", {}))
                stopped += bool(outcome.get("stopped"))
                if "error" in outcome:
                    failed += 1
                    errors += [f"  {outcome['key']}: {outcome['error']}"][: SHOWN - len(errors)]
                    log.debug("step %s, %s:\n%s", step, outcome["key"], outcome["trace"])
        if failed:
            more = [f"  … and {failed - SHOWN} more"] if failed > SHOWN else []
            raise StepError(
                f"step {step}: {failed} of {len(items)} parts failed (the others are committed; "
                "mend the cause and run again):\n" + "\n".join([*errors, *more])
            )
        if stopped:
            raise DrainedError(
                f"stopped in step {step} with {stopped} of {len(items)} parts left; "
                "run the same command again to go on"
            )
        return counts

    def follow(
        self, step: str, total: int, flow: Callable[[], Iterator[Mapping[str, int]]]
    ) -> None:
        """Show the progress of what another engine does on this Ray: `flow` gives counts of `documents`, of `total`."""
        if storage.exists(self.stop_marker):
            raise DrainedError(f"stopped before step {step}; run the same command again to go on")
        self._start()
        with self.progress.step(step, total, "requests") as bar:
            for counts in flow():
                bar.advance({"tokens": counts["tokens"]}, counts["documents"])
                if storage.exists(self.stop_marker):
                    raise DrainedError(
                        f"stopped in step {step}; run the same command again to go on"
                    )

    def _outcomes(
        self, task: Task, items: list[Item], at_once: int, num_gpus: int
    ) -> Iterator[Item]:
        """The outcome of each item, as they come."""
        import ray

        marker = self.stop_marker
        if num_gpus > ray.cluster_resources().get("GPU", 0):  # type: ignore[no-untyped-call]
            raise StepError(
                "Ray sees no GPU, and each task needs one: join a cluster that has some (--ray-address), or use "
                "--device cpu"
            )

        @ray.remote(num_cpus=1, num_gpus=num_gpus, max_retries=RETRIES)
        def attempt(item: Item) -> Item:
            return _attempt(task, marker, item)

        arrived: SimpleQueue[Future[Item]] = SimpleQueue()
        flying: dict[Future[Item], Item] = {}
        waiting, room, counted = iter(items), 0, -math.inf
        while True:
            if time.monotonic() - counted > SECONDS_BETWEEN_COUNTS:
                room, counted = min(_room(), at_once), time.monotonic()
            for item in islice(waiting, max(0, room - len(flying))):
                future: Future[Item] = attempt.remote(item).future()
                flying[future] = item
                future.add_done_callback(arrived.put)
            if not flying:
                return
            done = arrived.get()
            yield _outcome(flying.pop(done), done)

    def _start(self) -> None:
        if self._started:
            return
        os.environ.setdefault("RAY_DEDUP_LOGS", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        os.environ.setdefault("RAY_task_oom_retries", str(RETRIES))
        import ray

        options: dict[str, Any] = {
            "log_to_driver": False,
            "logging_level": logging.ERROR,
            "runtime_env": {"env_vars": MALLOC | dict.fromkeys(POOLS, "1")},
        }
        if self.address:
            ray.init(address=self.address, **options)
        else:
            # without "local", Ray joins whatever cluster someone else left running on this machine
            ray.init(address="local", num_cpus=self.num_cpus, include_dashboard=False, **options)
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


def _room() -> int:
    """How many items may be with Ray at once."""
    import ray

    cores = ray.cluster_resources().get("CPU", 0)  # type: ignore[no-untyped-call]
    return max(LEAST_IN_FLIGHT, IN_FLIGHT * int(cores))


def _attempt(task: Task, stop_marker: str, item: Item) -> Item:
    """In the worker: the task's outcome, or what went wrong."""
    if storage.exists(stop_marker):
        return {"stopped": True}
    try:
        return task(item)
    except Exception as error:  # noqa: BLE001 - a task becomes an outcome; nothing is lost, the run goes on
        return _error(item, f"{type(error).__name__}: {error}", traceback.format_exc())


def _outcome(item: Item, done: Future[Item]) -> Item:
    """In the driver: what came back, or that the worker did not."""
    from ray.exceptions import NodeDiedError, OutOfMemoryError, RayError, WorkerCrashedError

    try:
        return done.result()
    except (WorkerCrashedError, OutOfMemoryError, NodeDiedError) as error:
        reason = (
            f"its worker was lost {1 + RETRIES} times ({type(error).__name__}). Run again, with fewer "
            "--num-cpus if the machine ran out of memory"
        )
        return _error(item, reason, str(error))
    except (
        RayError
    ) as error:  # the worker could not load the task: tokenmill is not on that node, say
        return _error(item, str(error).strip().splitlines()[-1], str(error))


def _error(item: Item, error: str, trace: str) -> Item:
    key = " ".join(item[name] for name in ("source", "key") if name in item)
    return {"error": error, "key": key, "trace": trace}
