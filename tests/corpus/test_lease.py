"""One run at a time; a dead holder blocks nobody on its own host, and no longer than the expiry elsewhere."""

import json
import os
import subprocess
import sys
import threading
import time

import pytest

from corpus import lease, storage
from corpus.errors import LakeBusyError
from corpus.lease import Lease


def test_a_second_run_is_refused_and_the_lease_is_given_back(tmp_path):
    root = str(tmp_path)
    with Lease(root):
        with pytest.raises(LakeBusyError, match=f"process {os.getpid()}"), Lease(root):
            pass
        assert lease.read(root) is not None
    assert lease.read(root) is None
    with Lease(root):
        pass


def test_the_lease_of_a_killed_process_is_taken_at_once(tmp_path):
    root = str(tmp_path)
    held = f"with Lease({root!r}):\n print('held', flush=True)\n time.sleep(60)"
    script = f"import time\nfrom corpus.lease import Lease\n{held}"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(LakeBusyError), Lease(root):
        pass
    process.kill()
    process.wait()
    process.stdout.close()
    before = time.monotonic()
    with Lease(root):
        assert time.monotonic() - before < 5


@pytest.mark.parametrize(("expires_in", "alive"), [(30.0, True), (-1.0, False)])
def test_a_lease_from_another_host_lives_until_it_expires(tmp_path, expires_in, alive):
    holder = {"token": "t", "host": "elsewhere/1", "pid": 1, "started": 0.0}
    holder["expires"] = time.time() + expires_in
    storage.put(str(tmp_path / lease.NAME), json.dumps(holder).encode())
    if alive:
        with pytest.raises(LakeBusyError, match="elsewhere"), Lease(str(tmp_path)):
            pass
    else:
        with Lease(str(tmp_path)):
            pass


def test_a_lease_that_another_run_took_is_not_stolen_back(tmp_path):
    lost = threading.Event()
    with Lease(str(tmp_path), seconds=0.4) as held:
        held.on_lost = lost.set
        other = json.dumps(
            {"token": "other", "host": "elsewhere/1", "pid": 1, "started": 0, "expires": 1e12}
        )
        storage.put(str(tmp_path / lease.NAME), other.encode())
        assert lost.wait(5)
    holder = lease.read(str(tmp_path))
    assert holder is not None
    assert holder["token"] == "other"


def test_a_failed_renewal_is_tried_again(tmp_path, monkeypatch):
    failures = iter([True, True])
    put = storage.put

    def flaky(uri: str, data: bytes) -> None:
        if next(failures, False):
            raise OSError("the network is away")
        put(uri, data)

    with Lease(str(tmp_path), seconds=0.4):
        first = lease.read(str(tmp_path))
        monkeypatch.setattr(storage, "put", flaky)
        time.sleep(0.8)
        second = lease.read(str(tmp_path))
    assert first is not None
    assert second is not None
    assert second["expires"] > first["expires"]


def test_a_held_lease_is_renewed(tmp_path):
    with Lease(str(tmp_path), seconds=0.4):
        first = lease.read(str(tmp_path))
        time.sleep(0.5)
        second = lease.read(str(tmp_path))
    assert first is not None
    assert second is not None
    assert second["expires"] > first["expires"]
