"""Killed at random moments and restarted, does a run give the bytes of an undisturbed one?

    make bench-chaos            KILLS=20 PLAN=samples/plan.yaml

The reference is an undisturbed run of the same plan on the same machine. The process is killed with SIGKILL after a
random time and started again; a lake that gets finished is compared, and a new one begun, until all kills are done.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys

from benchmarks.lakes import LAKES, command, shard_hashes, timed


def main() -> None:
    kills, seed = int(os.environ.get("KILLS", "20")), int(os.environ.get("SEED", "1"))
    shutil.rmtree(LAKES, ignore_errors=True)
    reference = f"{LAKES}/undisturbed"
    seconds = timed(reference)
    expected = shard_hashes(reference)
    print(f"undisturbed: {seconds:.0f} s, {len(expected)} shards", flush=True)
    draw = random.Random(seed)
    done = lakes = 0
    while done < kills:
        lakes += 1
        lake = f"{LAKES}/killed-{lakes}"
        done += _kill_until_finished(lake, kills - done, draw, seconds)
        equal = shard_hashes(lake) == expected
        print(f"lake {lakes}: {done} kills so far, shards equal: {equal}", flush=True)
        if not equal:
            sys.exit("the shards differ")
        shutil.rmtree(lake)
    print(f"{done} kills in {lakes} lakes: every shard has the SHA-256 of the undisturbed run")


def _kill_until_finished(lake: str, kills: int, draw: random.Random, seconds: float) -> int:
    """Kill a run up to `kills` times, then let it finish; how often it was killed."""
    for done in range(kills):
        process = subprocess.Popen(command(lake), stdout=subprocess.DEVNULL)
        wait = draw.uniform(2, seconds / 3)
        try:
            process.wait(timeout=wait)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            print(f"  killed after {wait:.1f} s", flush=True)
            continue
        if process.returncode != 0:
            sys.exit(f"the run failed with exit code {process.returncode}")
        return done
    timed(lake)
    return kills


if __name__ == "__main__":
    main()
