"""The text of an expression as tokens, and what is said when they make no sense.

name   = letter { letter | digit | "_" }          keywords and function names are names too
alias  = "#" word        value = ":" word         word = { letter | digit | "_" }, at least one
index  = digits          symbol = one of  ( ) [ ] . , = <> < <= > >= + -
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final, NoReturn

from headwater.errors import ValidationException
from headwater.limits import expression_bytes_max

_TOKEN = re.compile(
    r"(?P<NAME>[A-Za-z][A-Za-z0-9_]*)"
    r"|(?P<ALIAS>#[A-Za-z0-9_]+)"
    r"|(?P<VALUE>:[A-Za-z0-9_]+)"
    r"|(?P<INDEX>[0-9]+)"
    r"|(?P<SYMBOL><>|<=|>=|[()\[\].,=<>+-])"
    r"|(?P<UNKNOWN>\S)"
)
_END_TEXT: Final = "<EOF>"


class Fault(IntEnum):
    """What can be wrong with an expression that is well formed, in the order it is reported."""

    PARENTHESES = 0
    RESERVED = 1
    FUNCTION = 2
    SECTION = 3
    MISUSE = 4
    OPERANDS = 5
    PATH = 6


class Kind(Enum):
    """What a token is."""

    NAME = "NAME"
    ALIAS = "ALIAS"
    VALUE = "VALUE"
    INDEX = "INDEX"
    SYMBOL = "SYMBOL"
    UNKNOWN = "UNKNOWN"
    END = "END"


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and where in the text it stands."""

    kind: Kind
    text: str
    start: int
    end: int

    @property
    def keyword(self) -> str:
        """The token as keywords are compared: a symbol itself, a name in upper case."""
        return self.text.upper() if self.kind is Kind.NAME else self.text


def invalid(expression: str, reason: str) -> ValidationException:
    """The error for an expression; expression: the parameter's name, `ConditionExpression`."""
    return ValidationException(f"Invalid {expression}: {reason}")


class Cursor:
    """Reads the tokens of one expression, one after the other."""

    def __init__(self, text: str, expression: str) -> None:
        """expression: the parameter's name, for errors."""
        self.expression = expression
        self._text = text
        self._at = 0
        self._faults: list[tuple[Fault, str]] = []
        self._check_size()
        self.tokens = [
            Token(Kind(match.lastgroup), match[0], match.start(), match.end())
            for match in _TOKEN.finditer(text)
        ]
        self.tokens.append(Token(Kind.END, _END_TEXT, len(text), len(text)))
        for at, token in enumerate(self.tokens):
            if token.kind is Kind.UNKNOWN:
                self._refuse_token(at)

    @property
    def token(self) -> Token:
        """The token to be read next."""
        return self.tokens[self._at]

    @property
    def next(self) -> Token:
        """The token after the one to be read next."""
        return self.tokens[min(self._at + 1, len(self.tokens) - 1)]

    def take(self) -> Token:
        """Read a token."""
        token = self.tokens[self._at]
        self._at += 1
        return token

    def at(self, keyword: str) -> bool:
        """Whether this keyword or symbol comes next."""
        return self.token.keyword == keyword

    def accept(self, keyword: str) -> bool:
        """Read this keyword or symbol if it comes next; whether it did."""
        if self.tokens[self._at].keyword != keyword:
            return False
        self._at += 1
        return True

    def expect(self, keyword: str) -> None:
        """Read this keyword or symbol; anything else is a syntax error."""
        if not self.accept(keyword):
            self.refuse()

    def refuse(self) -> NoReturn:
        """Raise the syntax error of the token to be read next."""
        self._refuse_token(self._at)

    def fault(self, fault: Fault, reason: str) -> None:
        """Note what is wrong; reported by `finish`, for a syntax error further on comes first."""
        self._faults.append((fault, reason))

    def finish(self) -> None:
        """State that the expression ends here, and report the gravest fault noted."""
        if self.token.kind is not Kind.END:
            self.refuse()
        if self._faults:
            raise invalid(self.expression, min(self._faults, key=lambda noted: noted[0])[1])

    def _refuse_token(self, at: int) -> NoReturn:
        first = self.tokens[max(at - 1, 0)]
        last = self.tokens[min(at + 1, len(self.tokens) - 1)]
        near = self._text[first.start : last.end].strip()
        raise invalid(
            self.expression, f'Syntax error; token: "{self.tokens[at].text}", near: "{near}"'
        )

    def _check_size(self) -> None:
        size = len(self._text.encode("utf-8", "surrogatepass"))
        if size > expression_bytes_max:
            raise invalid(
                self.expression,
                f"Expression size has exceeded the maximum allowed size; expression size: {size}",
            )
        if not self._text.strip():
            raise invalid(self.expression, "The expression can not be empty;")
