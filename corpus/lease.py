"""A lease on the lake: one run at a time, and no wait after a kill.

`lease.json` at the root names its holder. A run takes it, renews it from a thread while it works, and
removes it at the end. Another run is refused while the lease is alive; it is dead when it has
expired, or at once when it was taken on this very host by a process that no longer runs.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Any

from botocore.exceptions import BotoCoreError

from corpus import storage
from corpus.errors import LakeBusyError

log = logging.getLogger(__name__)
SECONDS = 60.0
NAME = "lease.json"


class Lease:
    """Context manager that holds the lake at `root`. LakeBusyError if another run does."""

    def __init__(self, root: str, seconds: float = SECONDS) -> None:
        self._uri = storage.join(root, NAME)
        self._root = root
        self._seconds = seconds
        self._token = uuid.uuid4().hex
        self.on_lost: Callable[[], None] = lambda: (
            None
        )  # called when another run has taken the lease
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    def __enter__(self) -> Lease:
        """Take the lease and keep it alive."""
        if not storage.create(self._uri, self._content()):
            holder = read(self._root)
            if holder is not None and is_alive(holder):
                raise LakeBusyError(
                    f"the lake {self._root} is in use by process {holder['pid']} on "
                    f"{holder['host']}. Wait for it, stop it, or use another --lake."
                )
            storage.put(self._uri, self._content())
            self._confirm()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the lease back."""
        self._stop.set()
        self._thread.join()
        holder = read(self._root)
        if holder is not None and holder["token"] == self._token:
            storage.remove(self._uri)

    def _confirm(self) -> None:
        """Two runs may have found the same dead lease: the one whose content stands has it."""
        time.sleep(0.2)
        holder = read(self._root)
        if holder is None or holder["token"] != self._token:
            raise LakeBusyError(f"the lake {self._root} was taken by another run just now.")

    def _content(self) -> bytes:
        return json.dumps(
            {
                "token": self._token,
                "host": _host(),
                "pid": os.getpid(),
                "started": _started(os.getpid()),
                "expires": time.time() + self._seconds,
            }
        ).encode()

    def _renew(self) -> None:
        """Keep the lease alive. A failed write is tried again at the next turn, well before the expiry."""
        while not self._stop.wait(self._seconds / 4):
            try:
                holder = read(self._root)
                if holder is None or holder["token"] != self._token:
                    log.error("the lake %s was taken by another run; this one stops", self._root)
                    self.on_lost()
                    return
                storage.put(self._uri, self._content())
            except (OSError, ValueError, BotoCoreError) as error:
                log.warning("the lease on %s could not be renewed: %s", self._root, error)


def read(root: str) -> dict[str, Any] | None:
    """The lease on the lake, dead or alive, or None."""
    data = storage.get_or_none(storage.join(root, NAME))
    return None if data is None else json.loads(data)


def is_alive(holder: dict[str, Any]) -> bool:
    """Whether the holder of a lease may still be working."""
    if holder["host"] == _host():
        return bool(_started(holder["pid"]) == holder["started"])
    return bool(holder["expires"] > time.time())


def _started(pid: int) -> int | None:
    """When a process started, in clock ticks since boot (which no clock change moves); None if it does not run."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return int(file.read().rpartition(")")[2].split()[19])
    except FileNotFoundError:
        return None


def _host() -> str:
    """Host, boot and process namespace: a process id means the same process only where all three agree."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        boot = file.read().strip()
    return f"{socket.gethostname()}/{boot}/{os.stat('/proc/self/ns/pid').st_ino}"
