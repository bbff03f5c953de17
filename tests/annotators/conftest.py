"""Documents for the tests of annotators, and texts that break things."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa
import pytest

from corpus.document import DOCUMENTS, document_id

Builder = Callable[..., pa.Table]


@pytest.fixture(scope="session")
def documents() -> Builder:
    """`documents(texts, metadata=None)`: a table with the columns of the lake."""

    def build(texts: Sequence[str], metadata: Sequence[str] | None = None) -> pa.Table:
        n = len(texts)
        columns = {
            "id": [document_id("test", "file", k) for k in range(n)],
            "text": list(texts),
            "source": ["test"] * n,
            "locator": [f"file#{k}" for k in range(n)],
            "date": [None] * n,
            "licence": [None] * n,
            "parent_ids": [[] for _ in range(n)],
            "provenance": ["test/1"] * n,
            "metadata": list(metadata or ["{}"] * n),
        }
        return pa.table(columns, schema=DOCUMENTS)

    return build


@pytest.fixture(scope="session")
def hostile_texts() -> list[str]:
    """Empty, control characters, monsters, and a line in every script that we name."""
    scripts = [
        "The quick brown fox jumps over the lazy dog. It didn't mind!",
        "Съешь же ещё этих мягких французских булок.",
        "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία.",
        "نص عربي قصير؟ نعم.",
        "טקסט קצר בעברית.",
        "यह एक छोटा वाक्य है।",
        "এটি একটি ছোট বাক্য।",
        "ਇਹ ਇੱਕ ਛੋਟਾ ਵਾਕ ਹੈ।",
        "આ એક નાનું વાક્ય છે.",
        "ଏହା ଏକ ଛୋଟ ବାକ୍ୟ।",
        "இது ஒரு சிறிய வாக்கியம்.",
        "ఇది ఒక చిన్న వాక్యం.",
        "ಇದು ಒಂದು ಸಣ್ಣ ವಾಕ್ಯ.",
        "ഇതൊരു ചെറിയ വാക്യമാണ്.",
        "මෙය කුඩා වාක්‍යයකි.",
        "นี่คือประโยคสั้น ๆ",
        "ນີ້ແມ່ນປະໂຫຍກສັ້ນໆ",
        "នេះជាប្រយោគខ្លីមួយ។",
        "ဒါက ဝါကျတိုလေးပါ။",
        "ეს მოკლე წინადადებაა.",
        "Սա կարճ նախադասություն է։",
        "이것은 짧은 문장입니다.",
        "这是一个简短的句子。",
        "這是一個簡短的句子。",
        "これは短い文です。",
    ]
    monsters = ["a" * 1_000_000, "!" * 1_000_000, "中" * 200_000, "ก" * 200_000, "\n" * 100_000]
    odd = [
        "",
        "\0",
        "\x1b",
        "\r",
        " \t\n",
        "\u200b",
        "\ufeff",
        "👩‍👩‍👧‍👦 🇳🇴",
        "\U0010ffff",
        "e\u0301\u0301",
        "[",
        "{",
    ]
    return [*odd, *scripts, " ".join(scripts), "\n\n".join(scripts * 3), *monsters]
