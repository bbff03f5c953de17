"""Answers of a model whose errors are known: each is made by a script from a real text, in any script of the world.

`SLIPS` make of a clean text the damaged source that a model would be given, so that the clean text is a good answer;
`ERRORS` make of a clean text a bad answer. Each takes a `Draft` and gives None where the text offers no occasion (no
number to alter, say). Nothing here knows how the guards work, and none of their code is used: what is a number, a name
or a sentence is found anew, and simply.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from icu4py.breakers import WordBreaker

UNSPACED = {"zho_Hans", "zho_Hant", "jpn_Jpan", "tha_Thai", "mya_Mymr", "khm_Khmr", "lao_Laoo"}
CASED = {"Latn", "Cyrl", "Grek", "Armn"}
NATIVE_ZERO = {
    "arb_Arab": "٠",
    "pes_Arab": "۰",
    "urd_Arab": "۰",
    "hin_Deva": "०",
    "mar_Deva": "०",
    "npi_Deva": "०",
    "ben_Beng": "০",
    "guj_Gujr": "૦",
    "tam_Taml": "௦",
    "tha_Thai": "๐",
    "mya_Mymr": "၀",
    "khm_Khmr": "០",
}
_END = re.compile(r"(?<=[.!?。！？।॥۔؟።။])(?:\s+|(?<=[。！？။]))")

INSTRUCTIONS = (
    "You are a careful editor. The text below was taken from a scanned page by a program and has mistakes in it.\n"
    "Repair broken words, wrong line ends and misread characters. Keep every number, name, formula and address as it "
    "is.\nDo not translate, do not shorten, do not explain what you changed. Write the repaired text only, in the "
    "language of the original, and nothing before or after it.",
    "Read the page in the picture and write down all of its text in natural reading order.\nTables become Markdown "
    "tables, formulas become LaTeX between dollar signs. Leave out page numbers and running heads. If there is nothing "
    "to read, answer with an empty line. Never describe the picture and never guess at words that cannot be read.",
    "Write a chapter of a textbook for students of the first year about the subject of the passage below. Use only "
    "facts that stand in the passage. Begin with a short introduction, define each term where it is first used, and "
    "close with three questions and their answers. Write in the same language as the passage.",
)

# Each language declines in its own words; the third of each says that it is a program.
REFUSALS = {
    "eng_Latn": (
        "I'm sorry, but I can't help with that request.",
        "Unfortunately I am unable to read the text in this image. Could you send a clearer picture?",
        "As an AI developed to be helpful, I don't have the ability to open documents.",
        "I apologize, but I won't be able to transcribe this page because it may be protected by copyright.",
        "I cannot fulfill this request.",
    ),
    "deu_Latn": (
        "Es tut mir leid, aber dabei kann ich Ihnen nicht helfen.",
        "Leider bin ich nicht in der Lage, diese Seite zu lesen.",
        "Als KI-Sprachmodell habe ich keinen Zugriff auf Dateien.",
    ),
    "fra_Latn": (
        "Je suis désolé, mais je ne peux pas répondre à cette demande.",
        "Malheureusement, il m'est impossible de lire cette image.",
        "En tant que modèle de langage, je n'ai pas accès aux documents.",
    ),
    "spa_Latn": (
        "Lo siento, pero no puedo ayudarte con eso.",
        "Lamentablemente no me es posible procesar este texto.",
        "Como modelo de lenguaje, no tengo acceso a imágenes.",
    ),
    "rus_Cyrl": (
        "Извините, но я не могу выполнить этот запрос.",
        "К сожалению, я не в состоянии прочитать эту страницу.",
        "Я всего лишь языковая модель и не имею доступа к файлам.",
    ),
    "ukr_Cyrl": (
        "Вибачте, але я не можу допомогти з цим.",
        "На жаль, я не зможу прочитати цей текст.",
        "Як мовна модель, я не маю доступу до документів.",
    ),
    "zho_Hans": (
        "很抱歉，我无法满足您的请求。",
        "对不起，这张图片我不能识别。",
        "作为一个人工智能语言模型，我没有查看文件的能力。",
    ),
    "zho_Hant": (
        "很抱歉，我無法完成這項要求。",
        "不好意思，這個頁面我不能讀取。",
        "作為一個AI語言模型，我沒有開啟檔案的能力。",
    ),
    "jpn_Jpan": (
        "申し訳ありませんが、そのご要望にはお応えできません。",
        "すみません、この画像の文字を読み取ることができませんでした。",
        "私はAI言語モデルなので、ファイルを開く機能はありません。",
    ),
    "kor_Hang": (
        "죄송하지만 그 요청은 도와드릴 수 없습니다.",
        "유감스럽게도 이 이미지를 읽지 못합니다.",
        "저는 인공지능 언어 모델로서 파일에 접근할 권한이 없습니다.",
    ),
    "tha_Thai": (
        "ขออภัย ฉันไม่สามารถช่วยเรื่องนี้ได้",
        "เสียใจด้วยครับ ผมไม่สามารถอ่านภาพนี้",
        "ในฐานะโมเดลภาษา ฉันไม่มีสิทธิ์เข้าถึงไฟล์",
    ),
    "arb_Arab": (
        "عذرًا، لا أستطيع مساعدتك في هذا الطلب.",
        "للأسف، لا يمكنني قراءة هذه الصورة.",
        "بصفتي نموذجًا لغويًا، ليست لدي صلاحية فتح الملفات.",
    ),
    "pes_Arab": (
        "متأسفم، نمی‌توانم در این مورد کمک کنم.",
        "متاسفانه قادر به خواندن این تصویر نیستم.",
        "من یک مدل زبانی هستم و به پرونده‌ها دسترسی ندارم.",
    ),
    "hin_Deva": (
        "क्षमा करें, मैं इस अनुरोध में मदद नहीं कर सकता।",
        "खेद है कि मैं यह चित्र पढ़ने में असमर्थ हूँ।",
        "एक एआई भाषा मॉडल होने के नाते मेरे पास फ़ाइलें खोलने की सुविधा नहीं है।",
    ),
    "ben_Beng": (
        "দুঃখিত, আমি এই অনুরোধে সাহায্য করতে পারছি না।",
        "দুঃখিত, এই ছবিটি পড়া আমার পক্ষে সম্ভব নয়।",
        "আমি একটি ভাষা মডেল, তাই ফাইল খোলার সুযোগ আমার নেই।",
    ),
    "tur_Latn": (
        "Üzgünüm, bu konuda yardımcı olamam.",
        "Maalesef bu sayfayı okuyamıyorum.",
        "Bir yapay zekâ dil modeli olarak dosyalara erişimim yok.",
    ),
    "vie_Latn": (
        "Xin lỗi, tôi không thể giúp bạn việc này.",
        "Rất tiếc, tôi chưa thể đọc được hình ảnh này.",
        "Tôi là một mô hình ngôn ngữ nên không có quyền mở tệp.",
    ),
    "ind_Latn": (
        "Maaf, saya tidak bisa membantu permintaan ini.",
        "Sayangnya saya tidak dapat membaca gambar ini.",
        "Sebagai model bahasa, saya tidak memiliki akses ke berkas.",
    ),
    "ell_Grek": (
        "Λυπάμαι, αλλά δεν μπορώ να βοηθήσω με αυτό.",
        "Δυστυχώς δεν είμαι σε θέση να διαβάσω την εικόνα.",
        "Ως γλωσσικό μοντέλο, δεν έχω πρόσβαση σε αρχεία.",
    ),
    "heb_Hebr": (
        "אני מצטער, אבל אני לא יכול לעזור בבקשה הזאת.",
        "לצערי איני מסוגל לקרוא את התמונה.",
        "אני מודל שפה ואין לי גישה לקבצים.",
    ),
    "fin_Latn": (
        "Olen pahoillani, mutta en voi auttaa tässä asiassa.",
        "Valitettavasti en pysty lukemaan tätä kuvaa.",
        "Olen vain kielimalli, eikä minulla ole pääsyä tiedostoihin.",
    ),
    "swh_Latn": (
        "Samahani, siwezi kusaidia na ombi hili.",
        "Kwa bahati mbaya siwezi kusoma picha hii.",
        "Mimi ni modeli ya lugha na sina ruhusa ya kufungua faili.",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A clean text, what lies beside it, and the dice."""

    text: str
    language: str  # label
    other: str  # another text of the same language
    translation: str  # the same text in another language
    rng: random.Random

    @property
    def script(self) -> str:
        return self.language[-4:]

    @property
    def spaced(self) -> bool:
        return self.language not in UNSPACED


# ---------------------------------------------------------------- slips


def damaged(draft: Draft) -> str:
    """The source of which the clean text is a good refinement: every slip in its turn."""
    text = draft.text
    for slip in (_typos, _ligatures, _punctuation, _wrapped, _spaces, _furniture):
        text = slip(text, draft)
    return text


def _typos(text: str, draft: Draft) -> str:
    """One wrong letter in some 300, in words that are neither names nor numbers, nor alike."""
    addresses = {n for m in re.finditer(r"\S*[./_@:=\\-]\S+", text) for n in range(*m.span())}
    spans = [
        (start, end)
        for start, end in _word_spans(text, draft)
        if _is_common(text[start:end], draft) and not (draft.spaced and start in addresses)
    ]
    chosen = draft.rng.sample(spans, min(len(spans), max(1, len(text) // 300)))
    for start, end in sorted(chosen, reverse=True):
        word = text[start:end]
        text = text[:start] + _misspelt(word, draft.rng) + text[end:]
    return text


def _misspelt(word: str, rng: random.Random) -> str:
    k = rng.randrange(1, len(word) - 1) if len(word) > 2 else 0
    kind = rng.randrange(4)
    if kind == 0 and k + 1 < len(word):
        return word[:k] + word[k + 1] + word[k] + word[k + 2 :]
    if kind == 1 and len(word) > 3:
        return word[:k] + word[k + 1 :]
    if kind == 2:
        return word[: k + 1] + word[k] + word[k + 1 :]
    return word[:k] + rng.choice(word) + word[k + 1 :]


def _is_common(word: str, draft: Draft) -> bool:
    if not draft.spaced:
        least = 4 if draft.script in ("Thai", "Mymr") else 2
        return len(word) >= least and word.isalpha() and not word.isascii()
    return (
        len(word) >= 5
        and word == word.lower()
        and all(c.isalpha() or unicodedata.combining(c) for c in word)
    )


def _ligatures(text: str, draft: Draft) -> str:
    return text.replace("fi", "ﬁ").replace("fl", "ﬂ")


def _punctuation(text: str, draft: Draft) -> str:
    for good, bad in (
        ("“", '"'),
        ("”", '"'),
        ("’", "'"),
        ("…", "..."),
        ("—", "--"),
        ("–", "-"),
        ("„", ",,"),
    ):
        if draft.rng.random() < 0.5:
            text = text.replace(good, bad)
    return re.sub(
        r"(?<=[^\W\d])([,;])(?= )", lambda m: draft.rng.choice(["", " ", " "]) + m[1], text
    )


def _wrapped(text: str, draft: Draft) -> str:
    """Lines of some 60 characters, with hyphens where the script has them."""
    lines = []
    for paragraph in text.split("\n"):
        line = ""
        pieces = (
            paragraph.split(" ") if draft.spaced else re.findall(r"\d[\d.,]*|\w{1,7}|\W", paragraph)
        )
        for piece in pieces:
            if len(line) + len(piece) > (60 if draft.spaced else 35):
                if (
                    draft.script == "Latn"
                    and len(piece) > 7
                    and piece.isalpha()
                    and draft.rng.random() < 0.6
                ):
                    cut = draft.rng.randrange(3, len(piece) - 2)
                    line, piece = f"{line} {piece[:cut]}-", piece[cut:]
                lines.append(line.strip())
                line = ""
            line = f"{line} {piece}" if draft.spaced and line else line + piece
        lines.append(line.strip())
    return "\n".join(lines)


def _spaces(text: str, draft: Draft) -> str:
    return "\n".join(
        line.replace(" ", "  ", draft.rng.randrange(3)) + draft.rng.choice(["", " ", "\t"])
        for line in text.split("\n")
    )


def _furniture(text: str, draft: Draft) -> str:
    """A running head over each of two pages, and their numbers below."""
    words = [draft.other[a:b] for a, b in _word_spans(draft.other, draft)][:4]
    head = (" " if draft.spaced else "").join(words)
    page = draft.rng.randrange(2, 400)
    lines = text.split("\n")
    middle = len(lines) // 2
    return "\n".join(
        [
            f"{head} {page}",
            *lines[:middle],
            f"{head} {page + 1}",
            *lines[middle:],
            f"- {page + 1} -",
        ]
    )


# ---------------------------------------------------------------- errors


def looped_lines(draft: Draft) -> str:
    line = draft.rng.choice(_sentences(draft.text, draft))
    times = draft.rng.randrange(4, 30)
    loop = "\n".join([line] * times)
    if draft.rng.random() < 0.3:
        other = draft.rng.choice(_sentences(draft.other, draft))
        loop = "\n".join([line, other] * times)
    return f"{draft.text}\n{loop}"


def looped_sentences(draft: Draft) -> str:
    sentence = draft.rng.choice(_sentences(draft.text, draft))
    gap = " " if draft.spaced else ""
    loop = gap.join([sentence] * draft.rng.randrange(6, 30))
    return draft.text + gap + loop[: len(loop) - draft.rng.randrange(len(sentence) // 2)]


def looped_characters(draft: Draft) -> str:
    letters = [c for c in draft.text if c.isalpha()]
    unit = "".join(draft.rng.choice(letters) for _ in range(draft.rng.randrange(1, 4)))
    cut = draft.rng.randrange(len(draft.text) // 2, len(draft.text))
    return draft.text[:cut] + unit * draft.rng.randrange(20, 200)


def noise(draft: Draft) -> str:
    """Characters of the text at random, as a model that lost its way writes them."""
    letters = [c for c in draft.text if not c.isspace()]
    return draft.text[: len(draft.text) // 3] + "".join(draft.rng.choices(letters, k=1500))


def number_dropped(draft: Draft) -> str | None:
    found = list(re.finditer(r"\d+(?:[.,]\d+)*", draft.text))
    if not found:
        return None
    match = draft.rng.choice(found)
    return draft.text[: match.start()] + draft.text[match.end() :]


def number_altered(draft: Draft) -> str | None:
    places = [m.start() for m in re.finditer(r"\d", draft.text)]
    if not places:
        return None
    place = draft.rng.choice(places)
    digit = draft.text[place]
    zero = ord(digit) - unicodedata.decimal(digit)
    value = draft.rng.choice([n for n in range(1, 10) if n != unicodedata.decimal(digit)])
    return draft.text[:place] + chr(zero + value) + draft.text[place + 1 :]


def names_swapped(draft: Draft) -> str | None:
    names = _names(draft.text, draft)
    if len(names) < 2:
        return None
    text = draft.text
    pairs = [draft.rng.sample(names, 2) for _ in range(10)]
    pairs = [
        (a, b) for a, b in pairs if text[a[0] : a[1]].casefold() != text[b[0] : b[1]].casefold()
    ]
    if not pairs:
        return None
    (a0, a1), (b0, b1) = sorted(pairs[0])
    return text[:a0] + text[b0:b1] + text[a1:b0] + text[a0:a1] + text[b1:]


def name_replaced(draft: Draft) -> str | None:
    names, others = _names(draft.text, draft), _names(draft.other, draft)
    others = [(a, b) for a, b in others if draft.other[a:b] not in draft.text]
    if not names or not others:
        return None
    (a0, a1), (b0, b1) = draft.rng.choice(names), draft.rng.choice(others)
    return draft.text[:a0] + draft.other[b0:b1] + draft.text[a1:]


def invented(draft: Draft) -> str | None:
    """A sentence of another text between two of this one."""
    sentences = [
        s for s in _sentences(draft.other, draft) if len(s) >= _long(draft) and s not in draft.text
    ]
    if not sentences:
        return None
    sentence = draft.rng.choice(sentences)
    place = draft.rng.choice(_boundaries(draft.text))
    gap = " " if draft.spaced else ""
    return f"{draft.text[:place].rstrip()}{gap}{sentence}{gap}{draft.text[place:].lstrip(' ')}"


def passage_dropped(draft: Draft) -> str | None:
    sentences = [s for s in _sentences(draft.text, draft)[1:-1] if len(s) >= _long(draft)]
    return draft.text.replace(draft.rng.choice(sentences), "", 1) if sentences else None


def leaked(draft: Draft, instructions: str) -> str:
    """The whole prompt, a sentence of it, or a dozen words of it, before or after the text."""
    kind = draft.rng.randrange(3)
    words = instructions.split()
    if kind == 0:
        said = instructions
    elif kind == 1:
        said = draft.rng.choice(
            [s for s in re.split(r"(?<=[.])\s", instructions) if len(s.split()) >= 10]
        )
    else:
        start = draft.rng.randrange(len(words) - 14)
        said = " ".join(words[start : start + 14])
    return f"{said}\n\n{draft.text}" if draft.rng.random() < 0.5 else f"{draft.text}\n\n{said}"


def with_address(draft: Draft) -> str:
    """The text with an address, a path or an identifier of no real thing at its end."""
    words = [draft.rng.choice(("mill", "pond", "lane", "alder", "weir", "stone")) for _ in range(3)]
    a, b, c = words
    address = draft.rng.choice(
        (
            f"https://{a}.example/{b}/{c}",
            f"http://www.{a}-{b}.example/{c}.html",
            f"{a}@{b}.example",
            f"{a}_{b}_{c}",
        )
    )
    gap = " " if draft.spaced or draft.rng.random() < 0.5 else ""
    return f"{draft.text}{gap}({address})"


def with_table(draft: Draft) -> tuple[str, int]:
    """The text with a table of its words below, in Markdown, HTML or LaTeX, or a block of code; where that starts."""
    words = [draft.text[a:b] for a, b in _word_spans(draft.text, draft)]
    rows = [[draft.rng.choice(words) for _ in range(4)] for _ in range(draft.rng.randrange(3, 9))]
    kind = draft.rng.randrange(4)
    if kind == 0:
        lines = ["| " + " | ".join(row) + " |" for row in rows]
        table = "\n".join([lines[0], "|" + " --- |" * 4, *lines[1:]])
    elif kind == 1:
        cells = ["<tr>" + "".join(f"<td>{word}</td>" for word in row) + "</tr>" for row in rows]
        table = "\n".join(["<table>", *cells, "</table>"])
    elif kind == 2:
        cells = [" & ".join(row) + r" \\" for row in rows]
        table = "\n".join([r"\begin{tabular}{llll}", *cells, r"\end{tabular}"])
    else:
        table = "\n".join(["```text", *(" ".join(row) for row in rows), "```"])
    return f"{draft.text}\n\n{table}\n", len(draft.text) + 2


def table_cut(draft: Draft) -> str:
    """The same, cut inside the table and inside a line of it: after a row, a Markdown table is only shorter."""
    text, start = with_table(draft)
    first = text.index("\n", start) + 1
    places = range(first, len(text.rstrip()) - 3)
    return text[: draft.rng.choice([n for n in places if "\n" not in text[n - 2 : n + 1]])]


def translated(draft: Draft) -> str | None:
    """The text in another language; a page of which much was never translated does not count."""
    same = set(draft.text.split("\n")) & set(draft.translation.split("\n"))
    return None if sum(map(len, same)) > len(draft.text) / 5 else draft.translation


def half_translated(draft: Draft) -> str | None:
    """The first half as it is, the second in another language."""
    if translated(draft) is None:
        return None
    return (
        draft.text[: len(draft.text) // 2] + "\n" + draft.translation[len(draft.translation) // 2 :]
    )


def refused(draft: Draft) -> str:
    """In the language of the text where we know how, else in English."""
    return draft.rng.choice(REFUSALS.get(draft.language, REFUSALS["eng_Latn"]))


def address_altered(draft: Draft) -> str | None:
    """A letter of an address, a path or an identifier is another."""
    found = list(re.finditer(r"https?://\S{6,}|\b[a-z]+_[a-z_]+\b|\b\w+@\w+\.\w+", draft.text))
    if not found:
        return None
    match = draft.rng.choice(found)
    place = draft.rng.choice(
        [n for n in range(match.start() + 1, match.end() - 1) if draft.text[n].isalpha()]
    )
    return draft.text[:place] + ("q" if draft.text[place] != "q" else "z") + draft.text[place + 1 :]


def formula_altered(draft: Draft) -> str | None:
    """An operator of a formula is another."""
    found = list(re.finditer(r"(?<=[\d )])[-+*/](?=[\d (])(?=[^\n]{0,30}=)", draft.text))
    if not found:
        return None
    match = draft.rng.choice(found)
    operator = draft.rng.choice([c for c in "+-*/" if c != match[0]])
    return draft.text[: match.start()] + operator + draft.text[match.end() :]


ERRORS: dict[str, Callable[[Draft], str | None]] = {
    "looped lines": looped_lines,
    "looped sentences": looped_sentences,
    "looped characters": looped_characters,
    "noise": noise,
    "number dropped": number_dropped,
    "number altered": number_altered,
    "names swapped": names_swapped,
    "name replaced": name_replaced,
    "invented sentence": invented,
    "passage dropped": passage_dropped,
    "table cut": table_cut,
    "translated": translated,
    "half translated": half_translated,
    "refusal": refused,
    "address altered": address_altered,
    "formula altered": formula_altered,
}


def retold(draft: Draft) -> Draft:
    """The draft of a text made of this one as a recipe would: every other sentence, each in a line."""
    return replace(draft, text="\n".join(_sentences(draft.text, draft)[::2]))


def numbered(text: str) -> str:
    """The lines as a numbered list."""
    return "\n".join(f"{n}. {line}" for n, line in enumerate(text.split("\n"), 1))


# ---------------------------------------------------------------- pieces of a text


def native_digits(text: str, language: str) -> str:
    """The text with the digits of its own script."""
    zero = NATIVE_ZERO.get(language)
    if zero is None:
        return text
    return text.translate({ord("0") + n: chr(ord(zero) + n) for n in range(10)})


def _long(draft: Draft) -> int:
    """Characters of a sentence that says something."""
    return 14 if draft.script in ("Hans", "Hant", "Jpan", "Hang") else 35


def _sentences(text: str, draft: Draft) -> list[str]:
    """Sentences; paragraphs, or what stands between spaces, where a script does not end them with a mark."""
    ends = r"\n+| (?=\S{30})" if draft.script in ("Thai", "Laoo") else None
    pieces = (
        re.split(ends, text) if ends else [s for line in text.split("\n") for s in _END.split(line)]
    )
    found = [piece.strip() for piece in pieces if len(piece.strip()) >= 12]
    return found or [text.strip()]


def _boundaries(text: str) -> list[int]:
    """Where another sentence may stand: after an end mark, at a line's start, and at either end."""
    return [
        0,
        len(text),
        *(m.end() for m in _END.finditer(text)),
        *(m.end() for m in re.finditer("\n", text)),
    ]


def _word_spans(text: str, draft: Draft) -> list[tuple[int, int]]:
    if draft.spaced:
        return [
            m.span()
            for m in re.finditer(
                r"[^\W\d_](?:[^\W_]|[\u0300-\u036f\u0900-\u0dff\u1000-\u109f])*", text
            )
        ]
    units = text.encode("utf-16-le")
    spans = [(a, b) for a, b in WordBreaker(text, "en").segments()]
    if len(units) != 2 * len(text):
        spans = [(a, b) for a, b in spans if b <= len(text)]
    return [(a, b) for a, b in spans if any(c.isalpha() for c in text[a:b])]


def _names(text: str, draft: Draft) -> list[tuple[int, int]]:
    """Words inside a sentence with a capital; without case, long words that stand once in the text."""
    spans = _word_spans(text, draft)
    if draft.script in CASED:
        return [
            (a, b)
            for a, b in spans
            if b - a >= 3 and text[a].isupper() and re.search(r"[\w,] $", text[max(0, a - 2) : a])
        ]
    counts = Counter(text[a:b] for a, b in spans)
    least = 2 if draft.script in ("Hans", "Hant", "Jpan") else 4
    return [
        (a, b)
        for a, b in spans
        if b - a >= least and counts[text[a:b]] == 1 and not text[a:b].isascii()
    ]
