"""A lease on the lake: one run at a time, and no wait after a kill.

`lease.json` at the root names its holder. A run takes it, renews it from a thread while it works, and
removes it at the end. Another run is refused while the lease is alive; it is dead when it has
expired, or at once when it was taken on this very host by a process that no longer runs.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from types import TracebackType
from typing import Any

import psutil

from corpus import storage
from corpus.errors import LakeBusyError

SECONDS = 60.0
NAME = "lease.json"


class Lease:
    """Context manager that holds the lake at `root`. LakeBusyError if another run does."""

    def __init__(self, root: str, seconds: float = SECONDS) -> None:
        self._uri = storage.join(root, NAME)
        self._root = root
        self._seconds = seconds
        self._token = uuid.uuid4().hex
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
        process = psutil.Process()
        return json.dumps(
            {
                "token": self._token,
                "host": _host(),
                "pid": process.pid,
                "started": process.create_time(),
                "expires": time.time() + self._seconds,
            }
        ).encode()

    def _renew(self) -> None:
        while not self._stop.wait(self._seconds / 4):
            storage.put(self._uri, self._content())


def read(root: str) -> dict[str, Any] | None:
    """The lease on the lake, dead or alive, or None."""
    data = storage.get_or_none(storage.join(root, NAME))
    return None if data is None else json.loads(data)


def is_alive(holder: dict[str, Any]) -> bool:
    """Whether the holder of a lease may still be working."""
    if holder["host"] == _host():
        try:
            return bool(psutil.Process(holder["pid"]).create_time() == holder["started"])
        except psutil.NoSuchProcess:
            return False
    return bool(holder["expires"] > time.time())


def _host() -> str:
    # the boot id tells containers and reboots apart that share a host name
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{socket.gethostname()}/{file.read().strip()}"
    except OSError:
        return f"{socket.gethostname()}/{os.name}"
