"""The house: imports point down only, ray in one package, and every public module says what it does."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "corpus": set(),
    "annotators": {"corpus"},
    "synth": {"corpus"},
    "mixers": {"corpus"},
    "workflows": {"corpus", "annotators", "synth", "mixers"},
}
MODULES = [path for package in MAY_IMPORT for path in sorted((ROOT / package).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down_only(path):
    package = path.relative_to(ROOT).parts[0]
    names = imported(path)
    ours = names & MAY_IMPORT.keys() - {package}
    assert ours <= MAY_IMPORT[package], f"{package} must not import {ours - MAY_IMPORT[package]}"
    assert "ray" not in names or package == "workflows"


def test_pymupdf_stays_behind_one_module():
    users = [p for p in MODULES if imported(p) & {"pymupdf", "fitz"}]
    assert [str(p.relative_to(ROOT)) for p in users] == ["corpus/pdf/text_layer.py"]


def test_the_command_and_its_workers_load_no_parser_of_pdfs_and_nothing_heavy():
    heavy = {"pymupdf", "pypdfium2", "datatrove", "scipy.sparse", "ray", "torch"}
    heavy |= {"onnxruntime", "cv2", "rapidocr", "sympy"}
    code = f"import sys, workflows.run; print(*sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_module_opens_with_what_it_does(path):
    if path.parent.name == "data":
        return
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_there_is_no_drawer_for_odds_and_ends():
    assert not [p for p in MODULES if p.stem in ("utils", "helpers", "misc", "common")]
