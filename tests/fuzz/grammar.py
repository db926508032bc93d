"""Expressions and PartiQL statements out of their grammar, and what spoils them.

A rule is a name and its alternatives; an alternative is words, of which those that name a rule are
replaced by one of its alternatives. The first alternative of a rule leads to an end: deep down it
is the one that is taken. What comes out is mostly valid as text, not always in its meaning.
"""

from __future__ import annotations

from random import Random
from typing import Final

from tests.fuzz.valid_requests import TABLE

_DEPTH_MAX: Final = 7
_OUT_OF_ALL: Final = 100
_FACTORS: Final = (2, 5, 101, 301)
_LONGEST: Final = 6000

_GRAMMAR: Final = """
condition   = comparison | path IN ( operands ) | operand BETWEEN :n AND :n | call
            | condition AND condition | condition OR condition | NOT condition | ( condition )
comparison  = path comparator :v | path comparator operand | operand comparator operand
comparator  = = | <> | < | <= | > | >=
call        = attribute_exists ( path ) | attribute_not_exists ( path ) | begins_with ( path , :s )
            | contains ( path , operand ) | attribute_type ( path , :t )
operand     = :v | path | size ( path ) | :n
operands    = operand | operand , operands
path        = name | name . path | name [ 0 ] | name [ 1 ] . path | #s | #s . path
name        = s | n | m | ss | l | b | g | pk | sk | x | other
update      = SET sets | REMOVE paths | ADD adds | DELETE deletes
            | SET sets REMOVE paths ADD adds | DELETE deletes SET sets
sets        = path = value | path = value , sets
value       = :v | operand + :n | path - operand | if_not_exists ( path , operand )
            | list_append ( operand , :l ) | if_not_exists ( path , operand ) + :n
paths       = path | path , paths
adds        = path :n | path :set | path :n , adds
deletes     = path :set | path :set , deletes
key         = pk = :s | pk = :s AND sk comparator :n | pk = :s AND sk BETWEEN :n AND :n
            | g = :s | pk = :s AND begins_with ( g , :s ) | g = :s AND pk = :s
statement   = select | select | put | change | erase
select      = SELECT * FROM table WHERE where | SELECT list FROM table WHERE where
            | SELECT * FROM table . "ByGroup" WHERE where | SELECT list FROM table
            | SELECT * FROM table WHERE where ORDER BY sk DESC | EXISTS ( select )
list        = path | path , list
table       = TABLE | "TABLE"
put         = INSERT INTO table VALUE { 'pk' : literal , 'sk' : literal , 'x' : literal }
change      = UPDATE table SET path = term WHERE fixed | UPDATE table REMOVE path WHERE fixed
            | UPDATE table SET path = term SET path = term WHERE fixed RETURNING ALL NEW *
            | UPDATE table SET path = set_add ( path , << 1 >> ) WHERE fixed AND where
erase       = DELETE FROM table WHERE fixed | DELETE FROM table WHERE fixed RETURNING ALL OLD *
term        = literal | path + literal | list_append ( path , [ literal ] ) | path
fixed       = pk = 'a' AND sk = 1 | pk = ? AND sk = ? | sk = 1 AND pk = 'a'
where       = path comparator literal | path IN [ literals ] | path BETWEEN literal AND literal
            | where AND where | where OR where | NOT where | ( where ) | path IS MISSING
            | path IS NOT NULL | begins_with ( path , literal ) | contains ( path , literal )
            | attribute_type ( path , 'S' ) | size ( path ) comparator literal | path IS MISSING
literals    = literal | literal , literals
literal     = ? | 'a' | 1 | -1.5 | TRUE | NULL | [ literals ] | << literal , literal >>
            | { 'x' : literal } | 1e400 | 'it''s' | MISSING
"""
_VOCABULARY: Final = (
    *("(", ")", "[", "]", ".", ",", "=", "<>", "<", "+", "-", "AND", "OR", "NOT", "IN", "BETWEEN"),
    *("SET", "REMOVE", "ADD", "DELETE", ":v", ":n", ":absent", "#s", "#absent", "name", "abort"),
    *("size", "contains", "SIZE", "list_append", "0", "-1", "99999999999999999999", "\u00e9"),
    *("$", "'", '"', "''", "?", "*", "{", "}", "<<", ">>", "--", ";", "\u0000", "\n", "a" * 256),
    *("SELECT", "FROM", "WHERE", "VALUE", "RETURNING", "MISSING", "NULL", "IS", "_a", "1a", "a b"),
)


def _read(text: str) -> dict[str, tuple[tuple[str, ...], ...]]:
    rules: dict[str, list[tuple[str, ...]]] = {}
    name = ""
    for line in text.strip().splitlines():
        left, _, right = line.strip().partition(" ")
        if left != "|":
            name, right = left, right.strip().removeprefix("= ")
        found = rules.setdefault(name, [])
        found += [tuple(each.split()) for each in f" {right} ".split(" | ")]
    return {each: tuple(found) for each, found in rules.items()}


_RULES: Final = _read(_GRAMMAR)
_ROOTS: Final = {
    "ConditionExpression": "condition",
    "FilterExpression": "condition",
    "UpdateExpression": "update",
    "ProjectionExpression": "paths",
    "KeyConditionExpression": "key",
    "Statement": "statement",
}


def is_expression(member: str) -> bool:
    """Whether a member of a request is an expression or a statement."""
    return member in _ROOTS


def expression(chance: Random, member: str) -> str:
    """An expression or a statement, as it stands in this member; spoiled more often than not."""
    words = _expanded(chance, _ROOTS[member], 0)
    while chance.randrange(3):
        words = _spoiled(chance, words)
    glue = " " if chance.randrange(_OUT_OF_ALL) else ""
    return glue.join(words)[:_LONGEST]


def _expanded(chance: Random, symbol: str, depth: int) -> list[str]:
    rule = _RULES.get(symbol)
    if rule is None:
        return [symbol.replace("TABLE", TABLE)]
    chosen = rule[0] if depth > _DEPTH_MAX else chance.choice(rule)
    return [word for each in chosen for word in _expanded(chance, each, depth + 1)]


def _spoiled(chance: Random, words: list[str]) -> list[str]:
    place = chance.randrange(len(words) + 1)
    end = min(len(words), place + chance.randrange(1, 6))
    before, part, after = words[:place], words[place:end], words[end:]
    match chance.randrange(8):
        case 0:
            return before + after
        case 1:
            return [*before, *part, *part, *after]
        case 2:
            return [*before, *reversed(part), *after]
        case 3 if chance.randrange(20) == 0:
            return [*before, *(part * chance.choice(_FACTORS)), *after]
        case 4 if chance.randrange(20) == 0:
            depth = chance.choice(_FACTORS)
            return [*before, *["("] * depth, *part, *[")"] * depth, *after]
        case 5:
            return [*before, chance.choice(_VOCABULARY), *after]
        case _:
            return [*before, chance.choice(_VOCABULARY), *part, *after]
