"""Small faults put into a program, to see whether its tests notice.

`python_mutants` edits the syntax tree; `token_mutants` edits operators, numbers and truth values of any language that
looks like C, outside of strings and comments, and may give programs that do not compile. Each mutant has one edit:

| edit | Python | tokens |
|---|---|---|
| comparison | `<` to `<=` and `>=`, `==` to `!=`, `in` to `not in`, `is` to `is not` | `<` to `<=`, `==` to `!=` |
| arithmetic | `+` to `-`, `*` to `+`, `//` to `*`, also in `+=` | `+` to `-`, `*` to `+`, `/` to `*` |
| constant | n to n + 1, text with an `x` added, True to False | n to n + 1, true to false |
| boolean | `and` to `or`, `not` taken twice | `&&` to `||` |
| condition | of `if`, `while` and `x if y else z`, negated | |
| call | `return f(x)` to `return x`, `y = x.m()` to `y = x` | |
| result | `return value` to `return None`, only where there are fewer than three others | |
| bound | `range(n)` to `range(n + 1)` | |
| choice | `min` to `max`, `any` to `all` | |

A lost result is noticed by any test that looks whether there is one, so counting it would praise such tests.
Docstrings, annotations, what is raised, and the block under `if __name__ == "__main__"` are left alone: no test
should depend on them. Which edits are taken, where there are more than `most`, depends on a hash of the code alone,
so equal code has equal mutants. Cost: one parse and one unparse per mutant. The operators are the usual ones
(Offutt et al., An experimental determination of sufficient mutant operators, 1996, doi:10.1145/227607.227610).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator

from corpus.randomness import hash64

Edit = Callable[[], None]  # changes a node in place
EditsOf = Callable[[ast.AST], Iterator[Edit]]
FEW = 3  # with fewer mutants than this, results are removed as well

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_CHOICES = {"min": "max", "max": "min", "any": "all", "all": "any"}
_SWAPPED = (  # each with its partner, both ways
    *(("==", "!="), ("===", "!=="), ("<", "<="), (">", ">="), ("+", "-"), ("+=", "-=")),
    *(("++", "--"), ("&&", "||"), ("true", "false")),
)
_TOKENS = {
    **dict(_SWAPPED),
    **{other: one for one, other in _SWAPPED},
    "*": "+",
    "/": "*",
    "%": "/",
    "*=": "+=",
}
_SKIPPED = (
    *(r"//[^\n]*", r"/\*.*?\*/", r"^[ \t]*(?:\#|import|package)[^\n]*"),
    *(r'"(?:\\.|[^"\\\n])*"', r"'(?:\\.|[^'\\\n])*'", r"`(?:\\.|[^`\\])*`"),
)
_TOKEN = re.compile(
    rf"(?P<skipped>{'|'.join(_SKIPPED)})"
    r"|(?P<word>[A-Za-z_$][\w$]*)|(?P<number>\d[\w.]*)"
    r"|(?P<operator>[=!]==?|[<>+\-*/%&|]=|<<|>>|=>|->|\+\+|--|&&|\|\||[<>+\-*/%])",
    re.MULTILINE | re.DOTALL,
)


def python_mutants(code: str, most: int) -> list[str]:
    """Up to `most` different mutants of `code`, which must parse; fewer where it offers fewer edits."""
    found = _mutants_by(_edits_of, code, most)
    return (
        found
        if len(found) >= FEW
        else _different([*found, *_mutants_by(_results_of, code, most)], most)
    )


def token_mutants(code: str, most: int) -> list[str]:
    """The same for code of another language; not each of them need compile."""
    edits = [(m.span(), new) for m in _TOKEN.finditer(code) if (new := _token(m)) is not None]
    chosen = (edits[k] for k in _ranked(code, len(edits)))
    texts = (code[:start] + new + code[end:] for (start, end), new in chosen)
    return _different((text for text in texts if text != code), most)


def _ranked(code: str, count: int) -> list[int]:
    """All edits in an order that depends on the code alone."""
    return sorted(range(count), key=lambda k: hash64("mutants", code, str(k)))


def _different(texts: Iterable[str], most: int) -> list[str]:
    """The first of them, none twice."""
    found: dict[str, None] = {}
    for text in texts:
        found[text] = None
        if len(found) == most:
            break
    return list(found)


def _token(match: re.Match[str]) -> str | None:
    text = match.group()
    if match["skipped"]:
        return None
    if match["number"]:
        return str(int(text) + 1) if text.isdecimal() else None
    return _TOKENS.get(text)


# ---------------------------------------------------------------- the syntax tree


def _mutants_by(edits_of: EditsOf, code: str, most: int) -> list[str]:
    tree = ast.parse(code)
    original, count = ast.unparse(tree), sum(1 for _ in _edits(edits_of, tree))
    texts = (_mutant(edits_of, code, k) for k in _ranked(code, count))
    return _different((text for text in texts if text != original), most)


def _mutant(edits_of: EditsOf, code: str, index: int) -> str:
    tree = ast.parse(code)
    edit = next(edit for k, edit in enumerate(_edits(edits_of, tree)) if k == index)
    edit()
    return ast.unparse(ast.fix_missing_locations(tree))


def _edits(edits_of: EditsOf, tree: ast.Module) -> Iterator[Edit]:
    """Every edit of a tree, in the order of the text."""
    for node in _mutable(tree):
        yield from edits_of(node)


def _mutable(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that may be edited."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_comment"):
            continue
        children = value if isinstance(value, list) else [value]
        for child in children:
            if isinstance(child, ast.AST) and not _left_alone(child):
                yield child
                yield from _mutable(child)


def _left_alone(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):  # docstrings, and other text that does nothing
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.If) and isinstance(node.test, ast.Compare):
        return isinstance(node.test.left, ast.Name) and node.test.left.id == "__name__"
    return isinstance(node, ast.Raise | ast.Assert | ast.Import | ast.ImportFrom)


def _edits_of(node: ast.AST) -> Iterator[Edit]:
    match node:
        case ast.Compare():
            for k, operator in enumerate(node.ops):
                for other in _COMPARISONS[type(operator)]:
                    yield lambda k=k, other=other: node.ops.__setitem__(k, other())  # type: ignore[misc]
        case ast.BinOp(op=operation) | ast.AugAssign(op=operation):
            if type(operation) in _OPERATORS:
                yield lambda: setattr(node, "op", _OPERATORS[type(operation)]())
        case ast.BoolOp():
            swapped = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield lambda: setattr(node, "op", swapped)
        case ast.UnaryOp(op=ast.Not()):
            yield lambda: setattr(node, "operand", _negated(node.operand))
        case ast.UnaryOp(op=ast.USub()):
            yield lambda: setattr(node, "op", ast.UAdd())
        case ast.If() | ast.While() | ast.IfExp():
            yield lambda: setattr(node, "test", _negated(node.test))
        case ast.Return(value=ast.Call() as call) | ast.Assign(value=ast.Call() as call):
            if (inner := _inner(call)) is not None:
                yield lambda: setattr(node, "value", inner)
        case ast.Call(func=ast.Name(id="range"), args=arguments) if arguments:
            yield lambda: _move_bound(arguments)
        case ast.Call(func=ast.Name(id=name) as function) if name in _CHOICES:
            yield lambda: setattr(function, "id", _CHOICES[name])
        case ast.Constant(value=value) if (other_value := _other(value)) is not None:
            yield lambda: setattr(node, "value", other_value)


def _results_of(node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.Return) and node.value is not None:
        yield lambda: setattr(node, "value", ast.Constant(None))


def _inner(call: ast.Call) -> ast.expr | None:
    """What a call is made on, when that is one thing."""
    if len(call.args) == 1 and not isinstance(call.args[0], ast.Starred):
        return call.args[0]
    if not call.args and isinstance(call.func, ast.Attribute):
        return call.func.value
    return None


def _negated(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def _move_bound(arguments: list[ast.expr]) -> None:
    k = 0 if len(arguments) == 1 else 1
    arguments[k] = ast.BinOp(arguments[k], ast.Add(), ast.Constant(1))


def _other(value: object) -> object:
    """Another constant of the same type, None where there is none."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return value + "x" if isinstance(value, str) else None
