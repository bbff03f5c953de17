"""The scripts under `samples/` as modules, and what they make."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@pytest.fixture(scope="session")
def samples() -> Path:
    return SAMPLES


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Imports a script by its name."""
    monkeypatch.syspath_prepend(SAMPLES)
    return importlib.import_module


@pytest.fixture(scope="session")
def made_twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two runs of `prepare.py --no-volume`, in processes that hash strings differently."""
    folders = tuple(tmp_path_factory.mktemp(f"samples{number}") for number in range(2))
    runs = [
        subprocess.Popen(
            [sys.executable, SAMPLES / "prepare.py", "--out", folder, "--no-volume"],
            env={**os.environ, "PYTHONHASHSEED": str(number)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for number, folder in enumerate(folders)
    ]
    for run in runs:
        output, _ = run.communicate(timeout=300)
        assert run.returncode == 0
        assert [line.split(":")[0] for line in output.splitlines()] == ["warc", "pdf", "planted"]
    return folders[0], folders[1]


@pytest.fixture(scope="session")
def made(made_twice: tuple[Path, Path]) -> Path:
    return made_twice[0]
