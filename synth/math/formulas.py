r"""Formulas: tokens of LaTeX or plain text to a sympy expression, by precedence climbing.

Only names of the tables below mean something; nothing is looked up in sympy or Python by its name, and
no text is evaluated. Decimals are exact fractions. `i` is the imaginary unit, `e` Euler's number, `\log`
without a base has base 10; other letters are real variables. A number before a fraction of numbers
is a mixed number. `\frac12` and `\sqrt2` take one digit, as TeX does; `2^10` takes all.

Runs in the child process only (`synth.math.verify`). Errors: `Unparseable`, `corpus.limits.Unreadable`
with reason `too_large` for numbers of more than some ten thousand digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import Rational, Symbol

from corpus.limits import Unreadable
from synth.math.notation import BEGIN, COMMAND, END, NAME, NUMBER, SIGN, TEXT, Token

VERSION = 1
MAX_DIGITS = 20_000

Value = Any  # sympy.Expr or sympy.ImmutableMatrix


class Unparseable(Exception):  # noqa: N818
    """The tokens are no formula that is known here."""


_CONSTANTS = {"pi": sympy.pi, "infty": sympy.oo}
_GREEK = {
    *("alpha", "beta", "gamma", "delta", "epsilon", "varepsilon", "theta", "lambda", "mu", "nu", "rho", "sigma"),
    *("tau", "phi", "varphi", "omega", "Omega", "Delta", "Gamma", "psi", "chi", "xi", "eta", "zeta", "kappa", "ell"),
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[[Value], Value]] = {
    "sin": sympy.sin, "cos": sympy.cos, "tan": sympy.tan, "cot": sympy.cot, "sec": sympy.sec, "csc": sympy.csc,
    "arcsin": sympy.asin, "arccos": sympy.acos, "arctan": sympy.atan, "sinh": sympy.sinh, "cosh": sympy.cosh,
    "tanh": sympy.tanh, "ln": sympy.log, "exp": sympy.exp, "abs": sympy.Abs,
    "lg": lambda x: sympy.log(x) / sympy.log(10), "log": lambda x: sympy.log(x) / sympy.log(10),
}  # fmt: skip
_INVERSE = {
    "sin": sympy.asin, "cos": sympy.acos, "tan": sympy.atan, "cot": sympy.acot, "sec": sympy.asec, "csc": sympy.acsc,
}  # fmt: skip
_OF_MANY = {"gcd": sympy.gcd_list, "lcm": sympy.lcm_list, "max": None, "min": None}
_CLOSING = {"(": ")", "[": "]", "\\{": "\\}", "{": "}"}


def formula(tokens: Sequence[Token], sign: int = 1) -> Value:
    """The expression that the tokens write; `sign` is that of each ± in it."""
    if not tokens:
        raise Unparseable("nothing")
    reader = _Reader(tokens, sign)
    try:
        value = reader.sum()
    except (
        TypeError,
        ValueError,
        AttributeError,
        sympy.SympifyError,
        NotImplementedError,
    ) as error:
        raise Unparseable(f"{type(error).__name__}: {error}") from error
    if reader.peek() is not None:
        raise Unparseable(f"unexpected {reader.peek()}")
    return value


class _Reader:
    """The tokens, and how far they are read."""

    def __init__(self, tokens: Sequence[Token], sign: int) -> None:
        self._tokens, self._sign = list(tokens), sign
        self._place, self._bars = 0, 0

    def peek(self, ahead: int = 0) -> Token | None:
        place = self._place + ahead
        return self._tokens[place] if place < len(self._tokens) else None

    def _is(self, *texts: str) -> bool:
        token = self.peek()
        return token is not None and token.kind in (SIGN, COMMAND) and token.text in texts

    def _take(self, *texts: str) -> bool:
        if self._is(*texts):
            self._place += 1
            return True
        return False

    def _need(self, text: str) -> None:
        if not self._take(text):
            raise Unparseable(f"{text} expected, not {self.peek()}")

    def sum(self) -> Value:
        """Terms with + and - between them."""
        value: Value = None
        while True:
            factor = self._leading_sign(first=value is None)
            if factor is None:
                return value
            term = factor * self._product()
            value = term if value is None else value + term

    def _leading_sign(self, *, first: bool) -> int | None:
        factor, found = 1, False
        while self._is("+", "-", "pm", "mp"):
            token = self._tokens[self._place]
            self._place += 1
            found = True
            factor *= {"+": 1, "-": -1, "pm": self._sign, "mp": -self._sign}[token.text]
        return factor if found or first else None

    def _product(self) -> Value:
        value = self._power()
        while True:
            if self._take("*", "cdot", "times"):
                value = value * self._signed()
            elif self._take("/", "div"):
                value = value / self._signed()
            elif self._starts():
                value = value * self._power()
            else:
                return value

    def _signed(self) -> Value:
        """A factor after an operator, where `2 * -3` is written."""
        factor = 1
        while self._is("-", "+"):
            factor *= -1 if self._is("-") else 1
            self._place += 1
        return factor * self._power()

    def _starts(self) -> bool:
        """Whether a factor begins here, with no sign of multiplication before it."""
        token = self.peek()
        if token is None or token.kind == END:
            return False
        if token.kind == SIGN:
            return token.text in ("(", "[", "{") or (token.text == "|" and not self._bars)
        if token.kind == COMMAND:
            return token.text not in _NO_FACTOR
        if token.kind == NUMBER:
            before = self._tokens[self._place - 1]
            return before.kind != NUMBER
        return token.kind in (NAME, BEGIN) or (token.kind == TEXT and len(token.text) == 1)

    def _power(self) -> Value:
        value = self._marked(self._atom())
        if self._take("^"):
            exponent = self._exponent()
            if isinstance(value, sympy.MatrixBase) and str(exponent) == "T":
                return value.T
            return self._marked(_power(value, exponent))
        return value

    def _exponent(self) -> Value:
        if self._take("-"):
            return -self._exponent()
        value = self._marked(self._argument(whole=True))
        if self._take("^"):
            return _power(value, self._exponent())
        return value

    def _marked(self, value: Value) -> Value:
        """With what may follow a factor: `!`, `!!`, `%`, `°`."""
        while True:
            if self._take("!"):
                value = _factorial(value, double=self._take("!"))
            elif self._take("%"):
                value = value / 100
            elif self._take("degree"):
                value = value * sympy.pi / 180
            else:
                return value

    def _atom(self) -> Value:
        token = self.peek()
        if token is None:
            raise Unparseable("ends too early")
        self._place += 1
        if token.kind == NUMBER:
            return self._number(token)
        if token.kind == NAME or (token.kind == TEXT and len(token.text) == 1):
            return self._name(token.text)
        if token.kind == COMMAND:
            return self._command(token.text)
        if token.kind == BEGIN:
            return self._matrix(token.text)
        if token.text in ("(", "[", "{"):
            return self._group(_CLOSING[token.text])
        if token.text == "|":
            self._bars += 1
            value = self.sum()
            self._need("|")
            self._bars -= 1
            return _norm(value)
        raise Unparseable(f"unexpected {token}")

    def _group(self, closing: str) -> Value:
        bars, self._bars = self._bars, 0
        value = self.sum()
        self._need(closing)
        self._bars = bars
        return value

    def _number(self, token: Token) -> Value:
        value = _rational(token.text)
        if self._take("_"):
            return _in_base(token.text, self._argument(whole=True))
        if value.is_Integer and "." not in token.text:
            return value + self._rest_of_mixed()
        if token.text.endswith(".") or "." in token.text:
            return value + self._repeating(token.text)
        return value

    def _rest_of_mixed(self) -> Value:
        """The fraction after a whole number: `\\frac{1}{2}`, ` 1/2`; 0 where there is none."""
        start = self._place
        if self._take("frac"):
            parts = self._digits(), self._digits()
        elif (
            self._number_ahead(0)
            and self._tokens[start].spaced
            and str(self.peek(1)) == "/"
            and self._number_ahead(2)
        ):
            parts = int(str(self.peek())), int(str(self.peek(2)))
            self._place += 3
        else:
            return Rational(0)
        above, below = parts
        if above is not None and below and above < below:
            return Rational(above, below)
        self._place = start
        return Rational(0)

    def _number_ahead(self, ahead: int) -> bool:
        token = self.peek(ahead)
        return (
            token is not None
            and token.kind == NUMBER
            and token.text.isdigit()
            and len(token.text) < 20
        )

    def _digits(self) -> int | None:
        """A group of digits only; None where something else follows."""
        braced = self._take("{")
        token = self.peek()
        if token is None or not self._number_ahead(0):
            return None
        if not braced:
            if len(token.text) > 1:
                self._tokens[self._place : self._place + 1] = [
                    Token(NUMBER, token.text[0]), Token(NUMBER, token.text[1:]),
                ]  # fmt: skip
            self._place += 1
            return int(self._tokens[self._place - 1].text)
        self._place += 1
        return int(token.text) if self._take("}") else None

    def _repeating(self, written: str) -> Value:
        r"""`0.1\overline{6}`: what the repeated digits add."""
        if not self._is("overline", "dot", "bar"):
            return Rational(0)
        self._place += 1
        digits = self._digits_as_written()
        places = len(written.partition(".")[2])
        return Rational(int(digits), (10 ** len(digits) - 1) * 10**places)

    def _digits_as_written(self) -> str:
        braced = self._take("{")
        if not self._number_ahead(0):
            raise Unparseable("no digits to repeat")
        self._place += 1
        digits = self._tokens[self._place - 1].text
        if braced:
            self._need("}")
        return digits

    def _name(self, letter: str) -> Value:
        if self._take("_"):
            return Symbol(f"{letter}_{self._subscript()}", real=True)
        if letter in "fgh" and self._function_of_a_letter():
            argument = str(self.peek(1))
            self._place += 3
            return Symbol(f"{letter}({argument})", real=True)
        if letter == "i":
            return sympy.I
        return sympy.E if letter == "e" else Symbol(letter, real=True)

    def _function_of_a_letter(self) -> bool:
        inside = self.peek(1)
        return (
            str(self.peek()) == "("
            and inside is not None
            and inside.kind == NAME
            and str(self.peek(2)) == ")"
        )

    def _subscript(self) -> str:
        if not self._is("{"):
            self._place += 1
            return str(self.peek(-1))
        found: list[str] = []
        while not self._take("}"):
            self._place += 1
            if self._place > len(self._tokens):
                raise Unparseable("unclosed subscript")
            found.append(str(self.peek(-1)))
        return "".join(found[1:])

    def _command(self, name: str) -> Value:
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        if name in _FUNCTIONS:
            return self._function(name)
        if name in _GREEK:
            name = {"varphi": "phi", "varepsilon": "epsilon"}.get(name, name)
            return self._name(name) if self._is("_") else Symbol(name, real=True)
        if name == "frac":
            above = self._argument()
            return above / self._argument()
        if name == "sqrt":
            return self._root()
        if name == "binom":
            above = self._argument()
            return _binomial(above, self._argument())
        if name in ("lfloor", "lceil"):
            value = self._group("rfloor" if name == "lfloor" else "rceil")
            return sympy.floor(value) if name == "lfloor" else sympy.ceiling(value)
        if name in _OF_MANY:
            return self._of_many(name)
        if name in ("overline", "bar"):
            inside = self._argument()
            return (
                Symbol(f"bar {inside}", real=True) if inside.is_Symbol else sympy.conjugate(inside)
            )
        if name == "top":
            return Symbol("T", real=True)
        if name == "det":
            return self._power().det()
        raise Unparseable(f"unknown \\{name}")

    def _root(self) -> Value:
        degree: Value = 2
        if self._take("["):
            degree = self._group("]")
        inside = self._argument()
        if (
            degree.__class__ is not int
            and degree.is_Integer
            and degree % 2
            and inside.is_extended_negative
        ):
            return -sympy.root(-inside, degree)
        return sympy.root(inside, degree)

    def _argument(self, *, whole: bool = False) -> Value:
        """What a command takes: a group, or one token (of a number one digit, unless `whole`)."""
        if self._take("{"):
            return self._group("}")
        token = self.peek()
        if (
            token is not None
            and token.kind == NUMBER
            and not whole
            and len(token.text) > 1
            and token.text.isdigit()
        ):
            self._tokens[self._place : self._place + 1] = [
                Token(NUMBER, token.text[0]), Token(NUMBER, token.text[1:]),
            ]  # fmt: skip
        if token is not None and token.kind == NUMBER:
            self._place += 1
            return _rational(self._tokens[self._place - 1].text)
        return self._atom()

    def _function(self, name: str) -> Value:
        apply, power = _FUNCTIONS[name], None
        if self._take("_"):
            base = self._argument()
            apply = lambda x: sympy.log(x) / sympy.log(base)  # noqa: E731
        if self._take("^"):
            power = self._exponent()
        if power == -1 and name in _INVERSE:
            apply, power = _INVERSE[name], None
        value = apply(self._of_function())
        return value if power is None else _power(value, power)

    def _of_function(self) -> Value:
        """The argument: one in brackets, or the factors up to the next sign or function."""
        if self._is("("):
            self._place += 1
            return self._marked(self._group(")"))
        value = self._power()
        while self._starts() and not self._is(*_FUNCTIONS):
            value = value * self._power()
        return value

    def _of_many(self, name: str) -> Value:
        closing = ")" if self._take("(") else None
        if closing is None:
            self._need("\\{")
        values = [self.sum()]
        while self._take(","):
            values.append(self.sum())
        self._need(closing or "\\}")
        if name in ("max", "min"):
            return (sympy.Max if name == "max" else sympy.Min)(*values)
        return _OF_MANY[name](values)

    def _matrix(self, name: str) -> Value:
        if name not in (
            "matrix",
            "pmatrix",
            "bmatrix",
            "vmatrix",
            "array",
            "smallmatrix",
            "Bmatrix",
        ):
            raise Unparseable(f"unknown environment {name}")
        rows: list[list[Value]] = [[]]
        while True:
            token = self.peek()
            if token is None:
                raise Unparseable(f"unclosed {name}")
            if token.kind == END:
                self._place += 1
                break
            if self._take("\\\\"):
                rows.append([])
            elif not self._take("&", "hline"):
                rows[-1].append(self.sum())
        matrix = sympy.ImmutableMatrix([row for row in rows if row])
        return matrix.det() if name == "vmatrix" else matrix


_NO_FACTOR = {
    *("cdot", "times", "div", "pm", "mp", "rfloor", "rceil", "le", "ge", "ne", "in", "cup", "cap", "setminus"),
    *("degree", "rangle", "to", "rightarrow", "quad", "mid", "circ", "end", "hline", "approx"),
}  # fmt: skip


def _rational(text: str) -> Value:
    mantissa, _, exponent = text.lower().partition("e")
    if len(mantissa) > MAX_DIGITS or len(exponent) > 5 or abs(int(exponent or 0)) > MAX_DIGITS:
        raise Unreadable("too_large", text[:50])
    return Rational(mantissa.rstrip(".") or "0") * Rational(10) ** int(exponent or 0)


def _in_base(digits: str, base: Value) -> Value:
    if not (base.is_Integer and 2 <= base <= 36 and digits.isdigit()):
        raise Unparseable(f"{digits} in base {base}")
    return sympy.Integer(int(digits, int(base)))


def _power(base: Value, exponent: Value) -> Value:
    if isinstance(base, sympy.MatrixBase):
        if not (exponent.is_Integer and abs(exponent) <= 100):
            raise Unparseable("power of a matrix")
        return base ** int(exponent)
    if base.is_Rational and exponent.is_Rational and base not in (0, 1, -1):
        size = abs(int(base.p).bit_length() + int(base.q).bit_length()) * abs(exponent)
        if size > MAX_DIGITS * 3.3:
            raise Unreadable("too_large", f"{str(base)[:20]}^{str(exponent)[:20]}")
    return base**exponent


def _factorial(value: Value, *, double: bool) -> Value:
    if value.is_number and not value < 3000:
        raise Unreadable("too_large", f"{str(value)[:20]}!")
    return sympy.factorial2(value) if double else sympy.factorial(value)


def _binomial(above: Value, below: Value) -> Value:
    if any(value.is_number and not abs(value) < 5000 for value in (above, below)):
        raise Unreadable("too_large", f"binomial of {str(above)[:20]}")
    return sympy.binomial(above, below)


def _norm(value: Value) -> Value:
    return value.det() if isinstance(value, sympy.MatrixBase) else sympy.Abs(value)
