"""The conditions of a strategy as steps, taken from its own code: no second list that could differ from what decides.

A strategy's `propose` says no by `if CONDITIONS: return None`. Here the same source is compiled once more, with a note around each
condition: whether it held, and for a comparison both of its sides. It decides as before, because every condition is evaluated
where and when it stands, and nothing is added but the notes. Helpers that a condition calls are taken apart likewise
(`not self._allowed(r)`, `not pullback.holds(...)`), and so is a last `return self._short(s) or self._long(s)`. What has another
form stays one step.

A live strategy, a backtest and a replay run the original; only `tapewire why` pays for notes.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from msgspec import Struct

from tapewire.strategies.protocol import Strategy

OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
BELOW, ABOVE = (ast.Lt, ast.LtE), (ast.Gt, ast.GtE)
PARAMETER = re.compile(r"\b(?:self\.params|p)\.(\w+)")
DEEPEST = 4  # helpers of helpers


class SetupStep(Struct, frozen=True):
    """One condition. text: what must hold, in the strategy's own words. place: how many conditions come before it on its way."""

    text: str
    place: int


class Miss(Struct, frozen=True):
    """A comparison that did not hold. was, wanted: its two sides. by: how far the one is on the wrong side of the other."""

    was: float
    wanted: float
    by: float


class Noted:
    """What one call of `propose` went through. passed: the steps that held. failed: those that did not, with the miss if it is a
    comparison of numbers."""

    def __init__(self) -> None:
        self.passed: list[int] = []
        self.failed: list[tuple[int, Miss | None]] = []

    def clear(self) -> None:
        self.passed, self.failed = [], []

    def note(self, step: int, holds: Any, wanted: bool, *sides: Any) -> Any:
        """Passes the value of a condition on. sides: below or above, then the two values of a comparison that must hold."""
        if bool(holds) is wanted:
            self.passed.append(step)
        else:
            self.failed.append((step, _miss(sides)))
        return holds


class Instrumented:
    """A strategy whose conditions are noted.

    Args:
        strategy: its `propose` is replaced in this object alone. steps: in the order in which they are tried.
    """

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy
        self.steps: list[SetupStep] = []
        self.notes = Noted()
        made = self._made(type(strategy).propose, 0, 0)
        self.whole = made is not None
        if made is not None:
            strategy.propose = MethodType(made, strategy)  # type: ignore[method-assign]

    def _made(self, function: Callable[..., Any], place: int, depth: int) -> Callable[..., Any] | None:
        """The function with notes, its steps appended; None where its source is not to be had or has no such conditions."""
        if not isinstance(function, FunctionType) or function.__closure__ or depth > DEEPEST:
            return None
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        except (OSError, SyntaxError, TypeError):
            return None
        (definition,) = tree.body
        if not isinstance(definition, ast.FunctionDef):
            return None
        before = len(self.steps)
        writer = _Writer(self, function, place, depth)
        definition.body = [writer.statement(each, last=each is definition.body[-1]) for each in definition.body]
        if len(self.steps) == before:
            return None
        definition.body[:0] = [ast.Assign([ast.Name(name, ast.Store())], ast.Constant(None)) for name in writer.names]
        definition.decorator_list, definition.returns = [], None  # no expression of it stands before the function's own code
        definition.args.defaults, definition.args.kw_defaults = [], [None] * len(definition.args.kwonlyargs)
        for argument in (*definition.args.args, *definition.args.kwonlyargs):
            argument.annotation = None
        space = {**function.__globals__, **writer.functions, "_tapewire_note": self.notes.note}
        source = inspect.getsourcefile(function) or "strategy"
        module = compile(ast.fix_missing_locations(tree), source, "exec", dont_inherit=True)
        code = next(each for each in module.co_consts if isinstance(each, CodeType))
        made = FunctionType(code, space, function.__name__, function.__defaults__)
        made.__kwdefaults__ = function.__kwdefaults__
        return made

    def add(self, text: str, place: int) -> int:
        self.steps.append(SetupStep(self._with_values(text), place))
        return len(self.steps) - 1

    def _with_values(self, text: str) -> str:
        """The text with the numbers of the preset in place of their names."""
        params = getattr(self.strategy, "params", None)

        def value(found: re.Match[str]) -> str:
            return repr(getattr(params, found[1])) if hasattr(params, found[1]) else found[0]

        return PARAMETER.sub(value, text)


class _Writer:
    """Puts notes around the conditions of one function."""

    def __init__(self, watched: Instrumented, function: FunctionType, place: int, depth: int) -> None:
        self.names: list[str] = []
        self.functions: dict[str, Callable[..., Any]] = {}
        self._watched = watched
        self._function = function
        self._place = place
        self._depth = depth

    def statement(self, node: ast.stmt, *, last: bool) -> ast.stmt:
        if isinstance(node, ast.If) and not node.orelse and len(node.body) == 1 and _says_no(node.body[0]):
            node.test = self._condition(node.test, wanted=False)
        elif last and isinstance(node, ast.Return) and node.value is not None:
            if self._depth and isinstance(node.value, ast.Compare | ast.BoolOp | ast.UnaryOp):
                node.value = self._condition(node.value, wanted=True)
            elif self._depth:
                node.value = self._helper(node.value) or node.value
            elif isinstance(node.value, ast.BoolOp) and isinstance(node.value.op, ast.Or):
                place = self._place
                for at, branch in enumerate(node.value.values):
                    self._place = place  # one is tried after another, each from the same place on
                    node.value.values[at] = self._helper(branch) or branch
        return node

    def _condition(self, node: ast.expr, *, wanted: bool) -> ast.expr:
        """An expression that must be `wanted` for the strategy to go on; each part that can fail alone is a step."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            node.operand = self._condition(node.operand, wanted=not wanted)
            return node
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And if wanted else ast.Or):
            node.values = [self._condition(each, wanted=wanted) for each in node.values]
            return node
        if isinstance(node, ast.BoolOp) and isinstance(node.values[-1], ast.Compare | ast.UnaryOp):
            # A limit that a preset may leave out: `p.limit is not None and r > p.limit`. Without the limit nothing is noted.
            node.values[-1] = self._condition(node.values[-1], wanted=wanted)
            return node
        if wanted and (helped := self._helper(node)) is not None:
            return helped
        return self._noted(node, wanted=wanted)

    def _noted(self, node: ast.expr, *, wanted: bool) -> ast.expr:
        if not PARAMETER.sub("", ast.unparse(node)).replace("is not None", "").replace("is None", "").strip():
            return node  # a parameter alone: the same at every bar
        step = self._watched.add(_text(node, wanted=wanted), self._place)
        self._place += 1
        sides: list[ast.expr] = []
        if isinstance(node, ast.Compare) and (found := self._sides(node, wanted=wanted)):
            sides = found
        arguments = [ast.Constant(step), node, ast.Constant(wanted), *sides]
        return ast.Call(ast.Name("_tapewire_note", ast.Load()), arguments, [])

    def _sides(self, node: ast.Compare, *, wanted: bool) -> list[ast.expr]:
        """Keeps both sides of each comparison of numbers under a name; they are noted as (below or above, left, right)."""
        if not all(isinstance(each, BELOW + ABOVE) for each in node.ops) or (len(node.ops) > 1 and not wanted):
            return []
        kept: list[ast.expr] = []
        values = [node.left, *node.comparators]
        named = []
        for value in values:
            name = f"_tapewire_{len(self.names)}_{self._depth}"
            self.names.append(name)
            named.append(name)
            kept.append(ast.NamedExpr(ast.Name(name, ast.Store()), value))
        node.left, node.comparators = kept[0], kept[1:]
        sides: list[ast.expr] = []
        for at, operator in enumerate(node.ops):
            below = isinstance(operator, BELOW) is wanted
            sides += [ast.Constant(below), ast.Name(named[at], ast.Load()), ast.Name(named[at + 1], ast.Load())]
        return sides

    def _helper(self, node: ast.expr) -> ast.expr | None:
        """A call of a helper, as one of the helper with notes; None if it is no such call."""
        if not isinstance(node, ast.Call):
            return None
        function, method = self._called(node.func)
        if function is None:
            return None
        made = self._watched._made(function, self._place, self._depth + 1)
        if made is None:
            return None
        self._place = max((step.place for step in self._watched.steps), default=self._place) + 1
        name = f"_tapewire_helper_{len(self.functions)}"
        self.functions[name] = made
        first = [node.func.value] if method and isinstance(node.func, ast.Attribute) else []
        return ast.Call(ast.Name(name, ast.Load()), [*first, *node.args], node.keywords)

    def _called(self, node: ast.expr) -> tuple[Callable[..., Any] | None, bool]:
        """The function that an expression names, and whether it is a method of the strategy."""
        known = self._function.__globals__
        found: Any = None
        if isinstance(node, ast.Name):
            found = known.get(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "self":
                return getattr(type(self._watched.strategy), node.attr, None), True
            holder = known.get(node.value.id)
            found = getattr(holder, node.attr, None) if isinstance(holder, ModuleType) else None
        ours = isinstance(found, FunctionType) and found.__module__.split(".")[0] == self._function.__module__.split(".")[0]
        return (found if ours else None), False


def _says_no(node: ast.stmt) -> bool:
    return isinstance(node, ast.Return) and (
        node.value is None or (isinstance(node.value, ast.Constant) and node.value.value in (None, False))
    )


def _text(node: ast.expr, *, wanted: bool) -> str:
    """What must hold, as one line of source."""
    if wanted:
        return ast.unparse(node)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return ast.unparse(ast.Compare(node.left, [OPPOSITE[type(node.ops[0])]()], node.comparators))
    simple = isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript)
    return f"not {ast.unparse(node)}" if simple else f"not ({ast.unparse(node)})"


def _miss(sides: tuple[Any, ...]) -> Miss | None:
    """The first of these comparisons that does not hold, if its sides are numbers."""
    for below, left, right in zip(sides[::3], sides[1::3], sides[2::3], strict=True):
        if not isinstance(left, int | float) or not isinstance(right, int | float) or isinstance(left, bool):
            return None
        by = left - right if below else right - left
        if by >= 0:
            return Miss(left, right, by)
    return None
