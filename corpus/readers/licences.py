"""The licence of a source file, as an SPDX identifier, by simple rules.

A header line `SPDX-License-Identifier: X` speaks for its file. For a repository: the first of
LICENSE, LICENCE, COPYING, UNLICENSE (by path, nearest the root first) that has the characteristic
phrases of a known licence. What is not recognised is None: unknown, not free.
"""

from __future__ import annotations

import re

_SPDX = re.compile(
    r"SPDX-License-Identifier:[ \t]*([\w.+-]+(?:[ \t]+(?:OR|AND|WITH)[ \t]+[\w.+-]+)*)"
)
_HEADER = 2000  # characters
_FILE = re.compile(r"(?:^|/)(?:licen[cs]e|copying|unlicense)[^/]*$", re.IGNORECASE)

# The first rule of which all phrases occur wins; white space and case do not count.
_RULES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("AGPL-3.0", ("gnu affero general public license", "version 3")),
    ("LGPL-3.0", ("gnu lesser general public license", "version 3")),
    ("LGPL-2.1", ("gnu lesser general public license", "version 2.1")),
    ("GPL-3.0", ("gnu general public license", "version 3, 29 june 2007")),
    ("GPL-2.0", ("gnu general public license", "version 2, june 1991")),
    ("MPL-2.0", ("mozilla public license", "2.0")),
    ("EPL-2.0", ("eclipse public license", "v 2.0")),
    ("Apache-2.0", ("apache license", "version 2.0")),
    ("BSL-1.0", ("boost software license", "version 1.0")),
    ("CC0-1.0", ("cc0 1.0 universal",)),
    ("CC-BY-SA-4.0", ("attribution-sharealike 4.0",)),
    ("CC-BY-4.0", ("attribution 4.0",)),
    ("Unlicense", ("this is free and unencumbered software released into the public domain",)),
    ("PSF-2.0", ("python software foundation license version 2",)),
    (
        "Zlib",
        (
            "this software is provided 'as-is', without any express or implied warranty",
            "altered source versions",
        ),
    ),
    (
        "ISC",
        ("permission to use, copy, modify, and/or distribute this software for any purpose",),
    ),
    (
        "MIT",
        (
            "permission is hereby granted, free of charge, to any person obtaining a copy",
            "the above copyright notice",
        ),
    ),
    ("BSD-3-Clause", ("redistribution and use in source and binary forms", "neither the name")),
    (
        "BSD-3-Clause",
        ("redistribution and use in source and binary forms", "may not be used to endorse"),
    ),
    ("BSD-2-Clause", ("redistribution and use in source and binary forms",)),
)


def is_licence_file(path: str) -> bool:
    """Whether the file's name says that it holds a licence."""
    return bool(_FILE.search(path))


def licence_of_text(text: str) -> str | None:
    """The licence whose text this is."""
    declared = licence_of_header(text)
    if declared is not None:
        return declared
    words = " ".join(text.lower().split()).replace("\u2019", "'").replace("\u2018", "'")
    return next(
        (name for name, phrases in _RULES if all(phrase in words for phrase in phrases)), None
    )


def licence_of_header(text: str) -> str | None:
    """The licence that a file declares for itself in its first lines."""
    found = _SPDX.search(text[:_HEADER])
    return " ".join(found[1].split()) if found else None
