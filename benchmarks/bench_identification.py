"""Does the language identifier name the 119 languages, beside others, and nothing else?

    make bench-identification         DATA=../shared/data

- SIB-200's dev sentences (trained on its train sentences), all of the 119: macro-F1, the F1 of every language, as the
  model's card has them, and every language below 0.8 with what it is taken for. Its `yue_Hant` is Mandarin (no row has
  a character that only Cantonese writes), so the figure stands with and without these rows; and for the groups of
  languages that hardly separate.
- `eld_sentences_60`, by ISO 639-1 codes, which its labels are (`no` has both Norwegians, `ar` every Arabic), and the
  Declaration of Human Rights by paragraph, its labels the ISO 639-3 codes of the texts: beside lid.176 and pycld2 on
  the same texts, macro-F1 over the languages that the others can name, and every language that loses over a point.
- 10,000 inputs that are none of the 119: source code, noise, keys at random, sentences of SIB-200's other languages.
  How they are made shares no code with the training script. A piece drawn from inside a docstring is English, so the
  figure of source code stands for all pieces and for those of which at least half is neither comment nor docstring.
- Megabytes per CPU second, beside lid.176 in fastText's own library and in our kernel, one sentence at a time.
"""

from __future__ import annotations

import io
import os
import random
import re
import string
import sys
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from time import process_time

import fasttext_pybind
import pyarrow as pa
import pycld2

from annotators.language import LID176, Config, Step, lid176_path, step
from benchmarks.english import rows, text_of_markup
from benchmarks.results import Figure, report
from corpus.languages import GROUPS, LANGUAGES, UNMARKED_SCRIPTS
from corpus.scripts import dominant, resolve, script_counts
from corpus.texts import text_bytes

DATA = Path(os.environ.get("DATA", "../shared/data"))
OTHERS = ("lid.176", "pycld2")
LEAST = 0.8
LOST = 0.01
NONE = 2500  # inputs of each kind that are none of the 119
SHORT, SHORT_DENSE = 40, 15  # characters of a paragraph; of Han and kana
DENSE = frozenset({"Hans", "Hant", "Jpan"})
# ISO 639-1 codes of what is not one of the 119 by its own tag
MACRO = {
    "zho_Hans": "zh", "zho_Hant": "zh", "yue_Hant": "zh", "nob_Latn": "no", "nno_Latn": "no",
    "pes_Arab": "fa", "prs_Arab": "fa", **{k: "ar" for k, v in GROUPS.items() if v == "arabic"},
}  # fmt: skip
CLD2 = {"iw": "he", "zh-Hant": "zh", "nn": "no"}
LID = {"nn": "no", "arz": "ar", "yue": "zh", "wuu": "zh"}
# strings and characters of C (group 1), or its comments
C_COMMENT = re.compile(
    r"""("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])')|//[^\n]*|/\*.*?\*/""", re.DOTALL
)
Text = tuple[str, str]  # label, text
Namer = Callable[[Sequence[str]], list[str]]


def main() -> None:
    report("identification", [*sentences(), *beside_others(), *none_of_them(), *speed()])


# ---------------------------------------------------------------- the 119


def sentences() -> Iterator[Figure]:
    found = [
        (row["lang"], row["text"])
        for row in rows(DATA / "lid/sib200_train_dev.jsonl.gz")
        if row["split"] == "dev" and row["lang"] in LANGUAGES
    ]
    gold, named = [label for label, _ in found], ours([text for _, text in found])
    scores = f1s(gold, named)
    cells = [f"`{label}` {score:.2f}" for label, score in sorted(scores.items())]
    print("\n".join(f"| {' | '.join(cells[lo : lo + 7])} |" for lo in range(0, len(cells), 7)))
    confused = Counter((a, b) for a, b in zip(gold, named, strict=True) if a != b)
    for label in sorted(scores, key=lambda one: scores[one]):
        if scores[label] < LEAST:
            taken = [(b, n) for (a, b), n in confused.most_common() if a == label][:4]
            print(f"{label} {scores[label]:.3f} of {gold.count(label)}, taken for {taken}")
    yield Figure(measure="SIB-200 dev, 119 languages", unit="macro-F1", ours=mean(scores))
    kept = [(a, b) for a, b in zip(gold, named, strict=True) if a != "yue_Hant"]
    yield Figure(
        measure="SIB-200 dev, without the rows called yue_Hant",
        unit="macro-F1",
        ours=mean(f1s([a for a, _ in kept], [b for _, b in kept])),
    )
    groups = [[GROUPS.get(label, label) for label in side] for side in (gold, named)]
    yield Figure(measure="SIB-200 dev, by groups", unit="macro-F1", ours=mean(f1s(*groups)))


def beside_others() -> Iterator[Figure]:
    sets = {"eld_sentences_60": list(eld()), "Declaration, paragraphs": list(paragraphs())}
    for name, texts in sets.items():
        gold, plain = [label for label, _ in texts], [text for _, text in texts]
        mine = f1s(gold, [iso(label) for label in ours(plain)])
        for other, namer in (("lid.176", lid176), ("pycld2", cld2)):
            named = namer(plain)
            theirs = f1s(gold, named)
            both = [code for code in mine if code in set(named)]
            lost = {
                code: (round(mine[code], 3), round(theirs[code], 3))
                for code in both
                if mine[code] < theirs[code] - LOST
            }
            print(f"{name}: of {len(both)} languages, ours below {other} by over a point: {lost}")
            yield Figure(
                measure=f"{name}, {len(both)} languages that {other} names",
                unit="macro-F1",
                ours=mean({code: mine[code] for code in both}),
                reference=mean({code: theirs[code] for code in both}),
                beside=other,
            )


def iso(label: str) -> str:
    """The ISO 639-1 code of a label, or its own tag."""
    return MACRO.get(label) or (LANGUAGES[label].bcp47.split("-")[0] if label else "")


def eld() -> Iterator[Text]:
    known = {iso(label) for label in LANGUAGES}
    for row in rows(DATA / "lid/eld_sentences_60.jsonl.gz"):
        if row["lang"] in known:
            yield row["lang"], row["text"]


def paragraphs() -> Iterator[Text]:
    """Of each translation in the script of its language."""
    own = {(entry.iso639_3, entry.script): label for label, entry in LANGUAGES.items()}
    for row in rows(DATA / "lid/udhr.jsonl.gz"):
        text = text_of_markup(row["html"].encode())
        (script,) = dominant(resolve(script_counts(*text_bytes(table([text])))))
        script = UNMARKED_SCRIPTS.get(script or "", script or "")
        code = "zho" if row["iso6393"] == "cmn" else row["iso6393"]
        label = own.get((code, script))
        for line in text.splitlines() if label else ():
            if len(line) >= (SHORT_DENSE if script in DENSE else SHORT):
                yield iso(str(label)), line


# ---------------------------------------------------------------- who names


@cache
def _step(model: str) -> Step:
    return step(Config(model=model))


def ours(texts: Sequence[str]) -> list[str]:
    return [label or "" for label in _step("")(table(texts)).column("language").to_pylist()]


def lid176(texts: Sequence[str]) -> list[str]:
    """fastText's own answers."""
    model = fasttext_pybind.fasttext()
    model.loadModel(str(lid176_path()))
    named = [
        model.predict(" ".join(text.split()) + "\n", 1, 0.0, "replace")[0][1] for text in texts
    ]
    return [LID.get(code, code) for code in (name.removeprefix("__label__") for name in named)]


def cld2(texts: Sequence[str]) -> list[str]:
    codes = []
    for text in texts:
        plain = "".join(character for character in text if character.isprintable())
        codes.append(pycld2.detect(plain)[2][0][1])
    return [CLD2.get(code, code) for code in codes]


def table(texts: Sequence[str]) -> pa.Table:
    ids = pa.array([k.to_bytes(16, "big") for k in range(len(texts))], pa.binary(16))
    return pa.table({"id": ids, "text": pa.array(texts, pa.large_string())})


# ---------------------------------------------------------------- none of the 119


def none_of_them() -> Iterator[Figure]:
    rng = random.Random(20261125)
    pieces = list(code(rng))
    kinds = {
        "source code": [text for text, _ in pieces],
        "source code, at least half of it code": [text for text, share in pieces if share >= 0.5],
        "noise": [noise(rng) for _ in range(NONE)],
        "keys at random": [keys(rng) for _ in range(NONE)],
        "other languages of SIB-200": others(rng),
    }
    for kind, texts in kinds.items():
        named = ours(texts)
        taken = Counter(label for label in named if label).most_common(6)
        print(f"{kind}: {len(texts):,}, taken for {taken}")
        yield Figure(
            measure=f"{kind}, of {len(texts):,}: named as one of the 119",
            unit="share",
            ours=sum(map(bool, named)) / len(texts),
        )


def code(rng: random.Random) -> Iterator[tuple[str, float]]:
    """Pieces of 3 to 30 lines of Python's own library and of the headers of numpy.

    Each with the share of its characters, spaces aside, that the language's own grammar takes for code.
    """
    import numpy as np

    library = [*Path(os.__file__).parent.glob("*.py"), *Path(np.get_include()).rglob("*.h")]
    texts = [(file.suffix, file.read_text("utf-8", "replace")) for file in sorted(library)]
    files = [
        (text.splitlines(), (python_code if suffix == ".py" else c_code)(text).splitlines())
        for suffix, text in texts
        if len(text.splitlines()) > 60
    ]
    for _ in range(NONE):
        lines, bare = rng.choice(files)
        start, size = rng.randrange(len(lines) - 30), rng.randrange(3, 30)
        of_code, of_all = (
            sum(len("".join(line.split())) for line in side[start : start + size])
            for side in (bare, lines)
        )
        yield "\n".join(lines[start : start + size]), of_code / max(of_all, 1)


def python_code(text: str) -> str:
    """A whole file with spaces in place of its comments and of the strings that are a statement, as docstrings are."""
    starts = [0, *(newline.end() for newline in re.finditer("\n", text))]
    prose: list[tokenize.TokenInfo] = []
    statement: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            prose.append(token)
        elif token.type == tokenize.NEWLINE:
            prose += statement if all(one.type == tokenize.STRING for one in statement) else []
            statement = []
        elif token.type not in (tokenize.NL, tokenize.INDENT, tokenize.DEDENT):
            statement.append(token)
    found, done = [], 0
    for token in sorted(prose, key=lambda one: one.start):
        first, last = (starts[row - 1] + column for row, column in (token.start, token.end))
        found += [text[done:first], blank(text[first:last])]
        done = last
    return "".join(found) + text[done:]


def c_code(text: str) -> str:
    """A whole file with spaces in place of its comments."""
    return C_COMMENT.sub(lambda found: found[1] or blank(found[0]), text)


def blank(text: str) -> str:
    return re.sub(r"\S", " ", text)


def noise(rng: random.Random) -> str:
    """Bytes as some encoding shows them, characters of one or many blocks, digits, marks."""
    size = rng.randrange(20, 300)
    kind = rng.randrange(5)
    if kind == 0:
        return rng.randbytes(size).decode("latin-1")
    if kind == 1:
        return rng.randbytes(size).decode("utf-16-le", "replace")
    if kind == 2:
        return "".join(rng.choice(string.punctuation + string.digits + " ") for _ in range(size))
    if kind == 3:
        start = rng.choice([0x100, 0x370, 0x400, 0x530, 0x5D0, 0x620, 0x900, 0xE00, 0x4E00, 0xAC00])
        return "".join(chr(start + rng.randrange(90)) for _ in range(size))
    return "".join(rng.choice("ACGT" if size % 2 else "01") for _ in range(size))


def keys(rng: random.Random) -> str:
    """A hand on the keyboard: runs of keys that lie together, some again and again."""
    row = rng.choice(["qwertz", "asdfgh", "jklöä", "yxcvbn", "hjkl", "uiop", "wasd", "dfjk"])
    words = ["".join(rng.choices(row, k=rng.randrange(2, 14))) for _ in range(rng.randrange(3, 25))]
    return rng.choice(["", " "]).join(words)


def others(rng: random.Random) -> list[str]:
    found = [
        row["text"]
        for row in rows(DATA / "lid/sib200_train_dev.jsonl.gz")
        if row["split"] == "dev" and row["lang"] not in LANGUAGES
    ]
    return rng.sample(found, min(NONE, len(found)))


# ---------------------------------------------------------------- figures


def speed() -> Iterator[Figure]:
    texts = [text for _, text in eld()] * 4
    size = sum(len(text.encode()) for text in texts) / 1e6
    mine = size / best(lambda: ours(texts))
    yield Figure(
        measure="one sentence at a time",
        unit="MB/s",
        ours=mine,
        reference=size / best(lambda: lid176(texts)),
        beside="lid.176.ftz in fastText's library",
    )
    data = table(texts)
    yield Figure(
        measure="one sentence at a time",
        unit="MB/s",
        ours=size / best(lambda: _step("")(data)),
        reference=size / best(lambda: _step(LID176)(data)),
        beside="lid.176.ftz in our kernel",
    )


def best(run: Callable[[], object]) -> float:
    run()
    times = []
    for _ in range(5):
        began = process_time()
        run()
        times.append(process_time() - began)
    return min(times)


def f1s(gold: Sequence[str], named: Sequence[str]) -> dict[str, float]:
    """By label of the gold side."""
    right = Counter(a for a, b in zip(gold, named, strict=True) if a == b)
    true, said = Counter(gold), Counter(named)
    return {label: 2 * right[label] / (count + said[label]) for label, count in true.items()}


def mean(scores: dict[str, float]) -> float:
    return sum(scores.values()) / len(scores)


if __name__ == "__main__":
    sys.exit(main())
