"""Programming languages by file name, and how each writes comments and imports.

Names are those of GitHub's linguist. `IMPORTS` is the table behind the dependency order: per
language the patterns of an import, and the way in which what they capture names a file (see
`corpus.readers.dependencies`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Language:
    """A language: its name and the start (and end) of a one-line comment."""

    name: str
    comment: tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Imports:
    """`dotted`: a.b.C names a/b/C; `path`: names a file, from here or from a root; `folder`: names
    all files of a folder."""

    patterns: tuple[re.Pattern[str], ...]
    names: Literal["dotted", "path", "folder"]
    suffixes: tuple[str, ...]  # tried behind the name, in this order


_HASH, _SLASHES, _DASHES, _SEMICOLON = ("#", ""), ("//", ""), ("--", ""), (";", "")
_BLOCK, _MARKUP, _PERCENT, _DOTS = ("/*", " */"), ("<!--", " -->"), ("%", ""), ("..", "")

_TABLE: tuple[tuple[str, tuple[str, str], str], ...] = (
    ("Ada", _DASHES, ".adb .ads"),
    ("Assembly", _SEMICOLON, ".asm .s"),
    ("C", _SLASHES, ".c .h"),
    ("C#", _SLASHES, ".cs"),
    ("C++", _SLASHES, ".cc .cpp .cxx .hh .hpp .hxx .ipp .inl"),
    ("CMake", _HASH, ".cmake CMakeLists.txt"),
    ("CSS", _BLOCK, ".css .scss .less"),
    ("Clojure", _SEMICOLON, ".clj .cljs"),
    ("CoffeeScript", _HASH, ".coffee"),
    ("Common Lisp", _SEMICOLON, ".lisp .cl"),
    ("Cuda", _SLASHES, ".cu .cuh"),
    ("Cython", _HASH, ".pyx .pxd .pxi"),
    ("D", _SLASHES, ".d"),
    ("Dart", _SLASHES, ".dart"),
    ("Dockerfile", _HASH, ".dockerfile Dockerfile"),
    ("Elixir", _HASH, ".ex .exs"),
    ("Emacs Lisp", _SEMICOLON, ".el"),
    ("Erlang", _PERCENT, ".erl .hrl"),
    ("F#", _SLASHES, ".fs .fsx"),
    ("Fortran", ("!", ""), ".f .f90 .f95 .f03 .for"),
    ("GLSL", _SLASHES, ".glsl .vert .frag"),
    ("Go", _SLASHES, ".go"),
    ("Groovy", _SLASHES, ".groovy .gradle"),
    ("HTML", _MARKUP, ".html .htm"),
    ("Haskell", _DASHES, ".hs"),
    ("JSON", _SLASHES, ".json"),
    ("Java", _SLASHES, ".java"),
    ("JavaScript", _SLASHES, ".js .jsx .mjs .cjs"),
    ("Julia", _HASH, ".jl"),
    ("Kotlin", _SLASHES, ".kt .kts"),
    ("Lua", _DASHES, ".lua"),
    ("Makefile", _HASH, ".mk Makefile makefile GNUmakefile"),
    ("Markdown", _MARKUP, ".md .markdown"),
    ("Meson", _HASH, "meson.build"),
    ("Nim", _HASH, ".nim"),
    ("Nix", _HASH, ".nix"),
    ("OCaml", ("(*", " *)"), ".ml .mli"),
    ("Objective-C", _SLASHES, ".m .mm"),
    ("PHP", _SLASHES, ".php"),
    ("Pascal", _SLASHES, ".pas"),
    ("Perl", _HASH, ".pl .pm"),
    ("PowerShell", _HASH, ".ps1 .psm1"),
    ("Prolog", _PERCENT, ".pro .prolog"),
    ("Protocol Buffer", _SLASHES, ".proto"),
    ("Python", _HASH, ".py .pyi .pyw"),
    ("R", _HASH, ".r"),
    ("Racket", _SEMICOLON, ".rkt"),
    ("Ruby", _HASH, ".rb .rake Rakefile Gemfile"),
    ("Rust", _SLASHES, ".rs"),
    ("SQL", _DASHES, ".sql"),
    ("Scala", _SLASHES, ".scala"),
    ("Scheme", _SEMICOLON, ".scm .ss"),
    ("Shell", _HASH, ".sh .bash .zsh"),
    ("Solidity", _SLASHES, ".sol"),
    ("Swift", _SLASHES, ".swift"),
    ("SystemVerilog", _SLASHES, ".sv .svh"),
    ("TOML", _HASH, ".toml"),
    ("Tcl", _HASH, ".tcl"),
    ("TeX", _PERCENT, ".tex .sty .cls"),
    ("Text", ("", ""), ".txt"),
    ("TypeScript", _SLASHES, ".ts .tsx .mts .cts"),
    ("VHDL", _DASHES, ".vhd .vhdl"),
    ("Verilog", _SLASHES, ".v"),
    ("Vim Script", ('"', ""), ".vim"),
    ("Vue", _MARKUP, ".vue"),
    ("XML", _MARKUP, ".xml .xsd .xsl"),
    ("YAML", _HASH, ".yaml .yml"),
    ("Zig", _SLASHES, ".zig"),
    ("reStructuredText", _DOTS, ".rst"),
)

_BY_NAME: Mapping[str, Language] = {
    key: Language(name=name, comment=comment)
    for name, comment, keys in _TABLE
    for key in keys.split()
}


def language_of(path: str) -> Language | None:
    """The language that the file's name says, None for a file that is no source code or
    document."""
    name = path.rpartition("/")[2]
    if name in _BY_NAME:
        return _BY_NAME[name]
    stem, dot, suffix = name.rpartition(".")
    return _BY_NAME.get(f".{suffix.lower()}") if dot and stem else None


def _lines(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.MULTILINE) for pattern in patterns)


_C = Imports(
    patterns=_lines(r'^[ \t]*#[ \t]*include[ \t]*["<]([^">\n]+)[">]'), names="path", suffixes=("",)
)
_JS = Imports(
    patterns=_lines(
        r"""(?:\bfrom|^[ \t]*import)[ \t]*["']([^"'\n]+)["']""",
        r"""\b(?:require|import)\([
        \t]*["']([^"'\n]+)["']""",
    ),
    names="path",
    suffixes=("", ".ts", ".tsx", ".js", ".jsx", ".mjs", "/index.ts", "/index.tsx", "/index.js"),
)
_PYTHON_SUFFIXES = (".py", "/__init__.py", ".pyx", ".pyi")
_PYTHON = Imports(
    patterns=_lines(
        r"^[ \t]*import[ \t]+([^\n#;]+)",
        r"^[ \t]*(from[ \t]+\S+[ \t]+import[ \t]+(?:\([^)]*\)|[^\n#;]+))",
    ),
    names="dotted",
    suffixes=_PYTHON_SUFFIXES,
)


def _dotted(pattern: str, *suffixes: str) -> Imports:
    return Imports(patterns=_lines(pattern), names="dotted", suffixes=suffixes)


def _path(pattern: str, *suffixes: str) -> Imports:
    return Imports(patterns=_lines(pattern), names="path", suffixes=suffixes)


IMPORTS: Mapping[str, Imports] = {
    "C": _C,
    "C++": _C,
    "Cuda": _C,
    "Objective-C": _C,
    "Cython": _PYTHON,
    "Python": _PYTHON,
    "JavaScript": _JS,
    "TypeScript": _JS,
    "Vue": _JS,
    "CSS": _path(
        r"""@(?:import|use)[ \t]+(?:url\()?["']([^"'\n]+)["']""", "", ".scss", ".less", ".css"
    ),
    "Dart": _path(r"""^[ \t]*(?:import|part)[ \t]+["']([^"'\n]+)["']""", ""),
    "Go": Imports(
        patterns=_lines(r'^[ \t]*(?:import[ \t]+)?(?:\w+[ \t]+)?"([\w./-]+)"'),
        names="folder",
        suffixes=(".go",),
    ),
    "Haskell": _dotted(r"^import[ \t]+(?:qualified[ \t]+)?([\w.]+)", ".hs"),
    "Java": _dotted(r"^[ \t]*import[ \t]+(?:static[ \t]+)?([\w.]+)", ".java"),
    "Kotlin": _dotted(r"^[ \t]*import[ \t]+([\w.]+)", ".kt", ".java"),
    "Scala": _dotted(r"^[ \t]*import[ \t]+([\w.]+)", ".scala", ".java"),
    "Lua": _dotted(r"""\brequire[ \t]*\(?[ \t]*["']([\w./-]+)["']""", ".lua", "/init.lua"),
    "Perl": Imports(
        patterns=_lines(r"^[ \t]*(?:use|require)[ \t]+([\w:]+)"), names="dotted", suffixes=(".pm",)
    ),
    "PHP": _path(
        r"""\b(?:require|include)(?:_once)?[ \t(]+(?:__DIR__[
    \t.]+)?["']/?([^"'\n]+)["']""",
        "",
    ),
    "Protocol Buffer": _path(r'^[ \t]*import[ \t]+(?:public[ \t]+)?"([^"\n]+)"', ""),
    "Ruby": _path(r"""^[ \t]*require(?:_relative)?[ \t(]+["']([^"'\n]+)["']""", ".rb"),
    "Rust": Imports(
        patterns=_lines(
            r"^[ \t]*(?:pub(?:\([^)]*\))?[ \t]+)?mod[ \t]+(\w+)[ \t]*;",
            r"\buse[ \t]+crate::([\w:]+)",
        ),
        names="dotted",
        suffixes=(".rs", "/mod.rs"),
    ),
    "Shell": _path(r"""^[ \t]*(?:source|\.)[ \t]+["']?(?:\$\w+/|\$\{\w+\}/)?([\w./-]+)""", ""),
    "Solidity": _path(r"""^[ \t]*import[^"'\n]*["']([^"'\n]+)["']""", ""),
    "TeX": _path(r"\\(?:input|include)\{([^}\n]+)\}", ".tex", ""),
}
