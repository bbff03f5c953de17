"""Does the same plan give the same bytes on one core, two cores, S3 and three nodes, and how long does each take?

    make bench-anywhere         PLAN=samples/plan.yaml

The reference is the run on two cores; S3 is a moto server on loopback, the nodes are three raylets on this machine.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys

from moto.server import ThreadedMotoServer
from ray.cluster_utils import Cluster

from benchmarks.lakes import LAKES, shard_hashes, timed
from corpus import storage


def main() -> None:
    shutil.rmtree(LAKES, ignore_errors=True)
    seconds = {"two cores": timed(f"{LAKES}/two", "--num-cpus", "2")}
    expected = shard_hashes(f"{LAKES}/two")
    seconds["one core"] = timed(f"{LAKES}/one", "--num-cpus", "1")
    equal = {"one core": shard_hashes(f"{LAKES}/one") == expected}
    seconds["three nodes"], equal["three nodes"] = _three_nodes(expected)
    seconds["S3"], equal["S3"] = _s3(expected)
    for name, taken in seconds.items():
        ratio = taken / seconds["two cores"]
        print(
            f"{name:<12} {taken:7.1f} s  {ratio:5.2f} x  shards equal: {equal.get(name, 'reference')}"
        )
    if not all(equal.values()):
        sys.exit("the shards differ")


def _three_nodes(expected: dict[str, str]) -> tuple[float, bool]:
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    os.environ["TOKENMILL_SHARED_LAKE"] = "1"
    seconds = timed(f"{LAKES}/nodes", "--ray-address", cluster.address)
    cluster.shutdown()
    return seconds, shard_hashes(f"{LAKES}/nodes") == expected


def _s3(expected: dict[str, str]) -> tuple[float, bool]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it would print every request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    storage.filesystem("s3://lakes").mkdir("lakes")
    seconds = timed("s3://lakes/sample", "--num-cpus", "2")
    equal = shard_hashes("s3://lakes/sample") == expected
    server.stop()
    return seconds, equal


if __name__ == "__main__":
    main()
