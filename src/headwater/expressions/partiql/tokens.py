"""The text of a statement as tokens, and what is said of one that is malformed.

name   = ( letter | "_" | "$" ) { letter | digit | "_" | "$" }     a keyword if it is one
quoted = '"' characters '"'        string = "'" characters "'"     the quote itself is doubled
number = digits [ "." digits ] [ e [ sign ] digits ]               "?" stands for a parameter
symbol = one of  ( ) [ ] { } << >> , . : ; * = <> != < <= > >= + -

What a fault is called follows the PartiQL reference implementation, on which DynamoDB's is built.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final, NoReturn

from headwater.errors import ValidationException
from headwater.expressions.partiql.keywords import KEYWORDS

UNEXPECTED_TERM: Final = "Unexpected term"
UNEXPECTED_KEYWORD: Final = "Unexpected keyword"
NOT_A_STATEMENT: Final = "Expected data manipulation"

_TOKEN = re.compile(
    r"(?P<NAME>[A-Za-z_$][A-Za-z0-9_$]*)"
    r'|(?P<QUOTED>"(?:[^"]|"")*")'
    r"|(?P<STRING>'(?:[^']|'')*')"
    r"|(?P<NUMBER>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<SYMBOL><<|>>|<>|!=|<=|>=|[=<>()\[\]{},.:;*+?-])"
    r"|(?P<UNKNOWN>\S)"
)


class Kind(Enum):
    """What a token is."""

    NAME = "NAME"
    QUOTED = "QUOTED"
    STRING = "STRING"
    NUMBER = "NUMBER"
    KEYWORD = "KEYWORD"
    SYMBOL = "SYMBOL"
    END = "END"


@dataclass(frozen=True, slots=True)
class Token:
    """A token; text: without quotes, of a keyword in upper case."""

    kind: Kind
    text: str


_END: Final = Token(Kind.END, "")
_FIXED: Final = (Kind.KEYWORD, Kind.SYMBOL)


def malformed(reason: str) -> ValidationException:
    """The error for a statement that is none."""
    return ValidationException(f"Statement wasn't well formed, can't be processed: {reason}")


class Cursor:
    """Reads the tokens of one statement, one after the other."""

    def __init__(self, text: str) -> None:
        """Raises ValidationException for a character that begins no token."""
        self._tokens = [_token(match) for match in _TOKEN.finditer(text)]
        self._at = 0

    @property
    def token(self) -> Token:
        """The token to be read next."""
        return self._tokens[self._at] if self._at < len(self._tokens) else _END

    @property
    def next(self) -> Token:
        """The token after the one to be read next."""
        return self._tokens[self._at + 1] if self._at + 1 < len(self._tokens) else _END

    def take(self) -> Token:
        """Read a token."""
        token = self.token
        self._at += 1
        return token

    def at(self, text: str) -> bool:
        """Whether this keyword or symbol comes next."""
        token = self.token
        return token.text == text and token.kind in _FIXED

    def accept(self, text: str) -> bool:
        """Read this keyword or symbol if it comes next; whether it did."""
        found = self.at(text)
        self._at += found
        return found

    def expect(self, text: str, reason: str | None = None) -> None:
        """Read this keyword or symbol; reason: what to say of anything else."""
        if not self.accept(text):
            raise malformed(f"Expected {text}" if reason is None else reason)

    def identifier(self, reason: str) -> str:
        """Read a name, plain or quoted; reason: what to say of anything else."""
        if self.token.kind is Kind.KEYWORD:
            raise malformed(UNEXPECTED_KEYWORD)
        if self.token.kind not in (Kind.NAME, Kind.QUOTED) or not self.token.text:
            raise malformed(reason)
        return self.take().text

    def refuse_term(self) -> NoReturn:
        """Raise what is said of a token that begins no operand."""
        if self.token.kind is Kind.KEYWORD:
            raise malformed(UNEXPECTED_KEYWORD)
        raise malformed(UNEXPECTED_TERM)


def _token(match: re.Match[str]) -> Token:
    text = match[0]
    group = match.lastgroup
    if group == "NAME":
        word = text.upper()
        return Token(Kind.KEYWORD, word) if word in KEYWORDS else Token(Kind.NAME, text)
    if group == "QUOTED":
        return Token(Kind.QUOTED, text[1:-1].replace('""', '"'))
    if group == "STRING":
        return Token(Kind.STRING, text[1:-1].replace("''", "'"))
    if group == "UNKNOWN":
        raise malformed(f"Invalid character at position {match.start() + 1}")
    return Token(Kind[str(group)], text)
