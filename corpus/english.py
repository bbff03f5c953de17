"""Chunks of English text that the general rules of the segmenter would cut wrongly.

`SPECIAL` gives the parts of each: contractions with and without their apostrophe (`don't`, `dont`,
`they've`), times of day (`10am`), abbreviations that keep their full stop (`Mr.`, `a.m.`),
emoticons. The choice of what is split, and where, is that of spaCy's English tokeniser
(https://spacy.io/usage/linguistic-features), which datatrove's English filters use; apostrophes are
' or U+2019. A chunk of another language seldom meets an entry.

`UNITS` are split off behind a digit, in any language: `5km`, `20%`.
"""

from __future__ import annotations

from functools import cache

CURLY = "\N{RIGHT SINGLE QUOTATION MARK}"


def _listed(words: str) -> list[str]:
    return words.split()


UNITS = frozenset(
    _listed(
        """
    km km² km³ m m² m³ dm dm² dm³ cm cm² cm³ mm mm² mm³ ha µm nm yd in ft kg g mg µg t lb oz m/s
    km/h kmh mph hPa Pa mbar mb MB kb KB gb GB tb TB T G M K % км км² км³ м м² м³ дм дм² дм³ см
    см² см³ мм мм² мм³ нм кг г мг м/с км/ч кПа Па мбар Кб КБ кб Мб МБ мб Гб ГБ гб Тб ТБ тб كم
    كم² كم³ م م² م³ سم سم² سم³ مم مم² مم³ غرام جرام جم كغ ملغ كوب اكواب
    """
    )
)

_WHOLE = _listed(
    """
    'S 's ‘S ‘s and/or w/o 're 'Cause 'cause 'cos 'Cos 'coz 'Coz 'cuz 'Cuz 'bout ma'am Ma'am
    o'clock O'clock 'em 'll 'nuff 'd Adm. Bros. Co. co. Corp. D.C. Dr. E.G. E.g. e.g. I.E. I.e.
    i.e. Gen. Gov. Inc. Jr. Ltd. Md. Messrs. Mo. Mont. Mr. Mrs. Ms. Ph.D. Prof. Rep. Rev. Sen.
    St. vs. v.s. Mt. Ak. Ala. Apr. Ariz. Ark. Aug. Calif. Colo. Conn. Dec. Del. Feb. Fla. Ga.
    Ia. Id. Ill. Ind. Jan. Jul. Jun. Kan. Kans. Ky. La. Mar. Mass. Mich. Minn. Miss. N.C. N.D.
    N.H. N.J. N.M. N.Y. Neb. Nebr. Nev. Nov. Oct. Okla. Ore. Pa. S.C. Sep. Sept. Tenn. Va. Wash.
    Wis. a.m. p.m. C++ ä. ö. ü. ' '' — em ll nuff \\n \\t \\") (-8 (-: (-; (-_-) (._.) (: (; (=
    (>_<) (^_^) (o: (*_*) )-: ): -_- -__- ._. 0.0 0.o 0_0 0_o 8) 8-) 8-D 8D :'( :') :'-( :'-) :(
    :(( :((( :() :) :)) :))) :* :-( :-(( :-((( :-) :-)) :-))) :-* :-/ :-0 :-3 :-> :-] :-D :-O
    :-o :-P :-p :-X :-x :-| :-} :/ :0 :1 :3 :> :] :D :O :o :o) :P :p :X :x :| :} ;) ;-) ;-D ;_;
    ;D <.< </3 <3 <33 <333 <space> =( =) =/ =3 =[ =] =D =| >.< >.> >:( >:o @_@ [-: [: [= ]= ^_^
    ^__^ ^___^ O.O O.o O_O O_o o.0 o.O o.o o_0 o_O o_o V.V v.v V_V v_v xD XD xDD XDD
    """
)

_DROPPED_G = _listed("doin goin nothin nuthin ol somethin havin lovin")
_PRONOUNS = _listed("i you he she it we they")
_THESE = _listed("this that these those there")
_QUESTIONS = _listed("who what when where why how")
_MODALS = _listed("could might must should would")
_NEGATED = _listed(
    """
    ai are ca could did do does had has have is may might must need ought sha should was were wo
    would dare
    """
)
_NOT_HAVE = _listed("ca could did do does had may might must need ought sha should wo would")
# What a contraction without its apostrophe also spells.
_REAL_WORDS = frozenset(
    _listed(
        """
    Ill ill Its its Hell hell Shell shell Shed shed were Were Well well Whore whore
    """
    )
)


@cache
def special() -> dict[str, tuple[str, ...]]:
    """Each special chunk and the words it is made of."""
    found: dict[str, tuple[str, ...]] = {}
    for parts in _contractions():
        for cased in (parts, (parts[0].capitalize(), *parts[1:])):
            _add(found, cased)
    for stem in _DROPPED_G:
        for word in (stem, stem.capitalize()):
            found |= {form: (form,) for form in (word, f"{word}'", word + CURLY)}
    for word in _WHOLE:
        found |= {form: (form,) for form in (word, word.replace("'", CURLY))}
    found |= {f"{letter}.": (f"{letter}.",) for letter in "abcdefghijklmnopqrstuvwxyz"}
    found |= {f"°{scale}.": ("°", scale, ".") for scale in "CcFfKk"}
    for hour in range(1, 13):
        for half in ("am", "pm", "a.m.", "p.m."):
            found[f"{hour}{half}"] = (str(hour), half)
    return found | _irregular()


def _contractions() -> list[tuple[str, ...]]:
    """The regular ones, in lower case, each part with its apostrophe."""
    parts: list[tuple[str, ...]] = []
    for word in (*_PRONOUNS, *_THESE, *_QUESTIONS):
        parts += [(word, "'ll"), (word, "'ll", "'ve"), (word, "'d"), (word, "'d", "'ve")]
    plural = ("you", "we", "they", "these", "those", "there", *_QUESTIONS)
    parts += [(word, "'ve") for word in ("i", *plural, *_MODALS, "not")]
    parts += [(word, "'re") for word in plural]
    parts += [(word, "'s") for word in ("he", "she", "it", "this", "that", "there", *_QUESTIONS)]
    parts += [(word, "n't") for word in _NEGATED] + [(word, "n't", "'ve") for word in _NOT_HAVE]
    return [*parts, ("i", "'m"), ("i", "'m", "a")]


def _add(found: dict[str, tuple[str, ...]], parts: tuple[str, ...]) -> None:
    """With a straight apostrophe, a curly one, and none."""
    for mark in ("'", CURLY, ""):
        cut = tuple(part.replace("'", mark) for part in parts)
        if "".join(cut) not in _REAL_WORDS:
            found["".join(cut)] = cut


def _irregular() -> dict[str, tuple[str, ...]]:
    found = {
        "cannot": ("can", "not"),
        "gonna": ("gon", "na"),
        "gotta": ("got", "ta"),
        "let's": ("let", "'s"),
        "c'mon": ("c'm", "on"),
        "how'd'y": ("how", "'d", "'y"),
    }
    found |= {
        word.capitalize(): (cut[0].capitalize(), *cut[1:]) for word, cut in list(found.items())
    }
    found |= {"y'all": ("y'", "all"), "yall": ("y", "all")}
    curly = {
        word.replace("'", CURLY): tuple(part.replace("'", CURLY) for part in cut)
        for word, cut in found.items()
    }
    return found | curly
