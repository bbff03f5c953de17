"""The same plan gives the same bytes on one core, on S3, on three nodes, and after kills."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from corpus import open_lake, storage
from corpus.errors import LakeBusyError, PlanError
from tests.workflows.lakes import shard_hashes
from workflows.audit import audit
from workflows.plan import load_plan
from workflows.run import run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def s3() -> str:
    """An S3 server on loopback with one bucket."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    storage.filesystem("s3://lakes").mkdir("lakes")
    yield "s3://lakes"
    server.stop()
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


def test_one_core_gives_the_same_bytes(small_plan, small_lake, tmp_path):
    lake = str(tmp_path / "one")
    run(load_plan(str(small_plan)), lake, num_cpus=1)
    assert shard_hashes(lake) == shard_hashes(small_lake)


def test_s3_gives_the_same_bytes(small_plan, small_lake, s3):
    lake = f"{s3}/small"
    run(load_plan(str(small_plan)), lake, num_cpus=2)
    assert shard_hashes(lake) == shard_hashes(small_lake)
    assert audit(lake, deep=True).problems == []
    view = open_lake(lake)
    here = open_lake(small_lake)
    assert view.sequences("general").collect().equals(here.sequences("general").collect())
    columns = ["id", "language", "split", "n_tokens"]
    assert (
        view.documents("math")
        .select(columns)
        .collect()
        .equals(here.documents("math").select(columns).collect())
    )


def test_the_atomic_verbs_hold_on_s3(s3):
    uri = f"{s3}/verbs/x"
    assert storage.create(uri, b"1") is True
    assert storage.create(uri, b"2") is False
    assert storage.get(uri) == b"1"
    storage.put(uri, b"3")
    assert storage.get_many([uri]) == [b"3"]
    assert storage.names(f"{s3}/verbs") == ["x"]
    assert storage.sizes(f"{s3}/verbs") == {"x": 1}
    storage.remove_many([uri])
    assert storage.names(f"{s3}/verbs") == []
    assert storage.get_or_none(uri) is None


def test_three_nodes_give_the_same_bytes(small_plan, small_lake, tmp_path, monkeypatch):
    from ray.cluster_utils import Cluster

    lake = str(tmp_path / "cluster")
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        plan = load_plan(str(small_plan))
        with pytest.raises(PlanError, match=r"local path.*--lake s3://"):
            run(plan, lake, address=cluster.address)
        monkeypatch.setenv("TOKENMILL_SHARED_LAKE", "1")
        run(plan, lake, address=cluster.address)
    finally:
        cluster.shutdown()
    assert shard_hashes(lake) == shard_hashes(small_lake)


def start(plan, lake) -> subprocess.Popen:
    command = [
        sys.executable,
        "-m",
        "workflows",
        "run",
        str(plan),
        "--lake",
        str(lake),
        "--num-cpus",
        "2",
    ]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def test_after_kills_at_random_moments_the_bytes_are_the_same(small_plan, small_lake, tmp_path):
    lake = str(tmp_path / "killed")
    draw = random.Random(3)
    for _ in range(3):
        process = start(small_plan, lake)
        with contextlib.suppress(subprocess.TimeoutExpired):  # a fast machine may finish the last
            process.wait(timeout=draw.uniform(8, 20))
        process.kill()
        process.communicate()
    run(load_plan(str(small_plan)), lake, num_cpus=2)
    assert shard_hashes(lake) == shard_hashes(small_lake)
    assert audit(lake, deep=True).problems == []


def test_sigterm_drains_and_a_second_run_is_refused(small_plan, small_lake, tmp_path):
    lake = str(tmp_path / "drained")
    process = start(small_plan, lake)
    deadline = time.monotonic() + 60
    while not storage.names(os.path.join(lake, "documents")) and time.monotonic() < deadline:
        time.sleep(0.2)
    with pytest.raises(LakeBusyError, match=f"process {process.pid}"):
        run(load_plan(str(small_plan)), lake)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "run the same command again to go on" in errors
    assert "Traceback" not in errors
    assert not storage.exists(os.path.join(lake, "lease.json"))
    run(load_plan(str(small_plan)), lake, num_cpus=2)
    assert shard_hashes(lake) == shard_hashes(small_lake)
