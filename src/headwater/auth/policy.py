"""Policies in the language of IAM: read once, and then asked about requests.

Pure. A policy is a list of statements that allow or deny actions on resources, to principals, under
conditions; a denial outweighs every permission, and what no statement speaks of is left open
(IAM User Guide, "IAM JSON policy elements reference" and "Policy evaluation logic"). A resource's
policy names principals; an access key's own has none, since it speaks of that key alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import orjson

from headwater.auth.conditions import Condition, Context, conditions, filled, is_like

_VERSIONS: Final = ("2008-10-17", "2012-10-17")
_MEMBERS: Final = frozenset({"Version", "Id", "Statement"})
_STATEMENT_MEMBERS: Final = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)
_PRINCIPAL_KINDS: Final = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})
_ACCOUNT_DIGITS: Final = 12
_PRINCIPAL_ARN: Final = re.compile(r"arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:[a-z-]+/\S+")


class InvalidPolicy(Exception):
    """A policy that cannot be read; the text, as AWS words it, is for whoever wrote it."""

    def __init__(self, fault: str) -> None:
        super().__init__(f"Invalid policy document: {fault}")


class InvalidPrincipal(InvalidPolicy):
    """A principal that names nobody."""

    def __str__(self) -> str:
        return "Invalid principal in policy document."


class Decision(Enum):
    """What a policy says of a request; OPEN if nothing."""

    ALLOW = "Allow"
    DENY = "Deny"
    OPEN = "Open"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a user of an account; the user `root` is the account itself."""

    account: str
    name: str

    @property
    def arn(self) -> str:
        name = self.name if self.is_root else f"user/{self.name}"
        return f"arn:aws:iam::{self.account}:{name}"

    @property
    def is_root(self) -> bool:
        return self.name == "root"


@dataclass(frozen=True, slots=True)
class Access:
    """One thing a request does. action: such as `dynamodb:GetItem`. resource: an ARN or `*`."""

    action: str
    resource: str


@dataclass(frozen=True, slots=True)
class _Principals:
    """Whom a statement is for: ARNs, and accounts with everyone in them; or everyone."""

    everyone: bool
    arns: frozenset[str]
    accounts: frozenset[str]

    def include(self, principal: Principal) -> bool:
        return self.everyone or principal.arn in self.arns or principal.account in self.accounts


@dataclass(frozen=True, slots=True)
class _Statement:
    """One statement; a flag beside a list says that the list is of what is not meant."""

    effect: Decision
    principals: _Principals | None
    excludes_principals: bool
    actions: tuple[str, ...]
    excludes_actions: bool
    resources: tuple[str, ...]
    excludes_resources: bool
    conditions: tuple[Condition, ...]

    def applies(self, principal: Principal, access: Access, context: Context) -> bool:
        for_whom = self.principals
        if for_whom is not None and for_whom.include(principal) is self.excludes_principals:
            return False
        action = access.action.lower()
        if any(is_like(action, each.lower()) for each in self.actions) is self.excludes_actions:
            return False
        resources = (filled(each, context) for each in self.resources)
        is_named = any(each is not None and is_like(access.resource, each) for each in resources)
        if is_named is self.excludes_resources:
            return False
        return all(condition.holds(context) for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy, read."""

    statements: tuple[_Statement, ...]

    def decide(self, principal: Principal, access: Access, context: Context) -> Decision:
        """What the policy says of one access. context: the request's condition keys."""
        decision = Decision.OPEN
        for statement in self.statements:
            if statement.effect is not decision and statement.applies(principal, access, context):
                if statement.effect is Decision.DENY:
                    return Decision.DENY
                decision = Decision.ALLOW
        return decision

    def unknown_actions(self, known: Iterable[str]) -> list[str]:
        """The actions it names that are, and match, none of those known."""
        names = [name.lower() for name in known]
        return [
            each
            for statement in self.statements
            for each in statement.actions
            if not any(is_like(name, each.lower()) for name in names)
        ]


def parse(document: str, *, has_principals: bool) -> Policy:
    """Read a policy's document. has_principals: it is a resource's. Raises InvalidPolicy."""
    try:
        content: Any = orjson.loads(document)
    except orjson.JSONDecodeError:
        raise InvalidPolicy("Syntax errors in policy") from None
    if not isinstance(content, dict):
        raise InvalidPolicy("Syntax errors in policy")
    _check_members(content, _MEMBERS, "the policy")
    if content.get("Version", _VERSIONS[0]) not in _VERSIONS:
        raise InvalidPolicy(f"Version must be one of {', '.join(_VERSIONS)}")
    statements = content.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise InvalidPolicy("Statement must be a statement or a list of them")
    return Policy(tuple(_statement(each, has_principals=has_principals) for each in statements))


def _statement(given: Any, *, has_principals: bool) -> _Statement:
    if not isinstance(given, dict):
        raise InvalidPolicy("Statement must be a statement or a list of them")
    _check_members(given, _STATEMENT_MEMBERS, "a statement")
    if given.get("Effect") not in ("Allow", "Deny"):
        raise InvalidPolicy("Effect must be Allow or Deny")
    actions, excludes_actions = _either(given, "Action", "NotAction")
    resources, excludes_resources = _either(given, "Resource", "NotResource")
    named = [name for name in ("Principal", "NotPrincipal") if name in given]
    if len(named) != (1 if has_principals else 0):
        raise InvalidPolicy(
            "a statement of a resource's policy needs either Principal or NotPrincipal"
            if has_principals
            else "a statement of an access key's policy names no principal"
        )
    condition = given.get("Condition", {})
    if not isinstance(condition, dict):
        raise InvalidPolicy("Condition must name operators")
    try:
        read = conditions(condition)
    except ValueError as error:
        raise InvalidPolicy(str(error)) from error
    return _Statement(
        Decision(given["Effect"]),
        _principals(given[named[0]]) if named else None,
        "NotPrincipal" in given,
        tuple(actions),
        excludes_actions,
        tuple(resources),
        excludes_resources,
        read,
    )


def _check_members(given: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    for name in given:
        if name not in known:
            raise InvalidPolicy(f"{name} is not known in {what}")


def _either(given: Mapping[str, Any], name: str, negated: str) -> tuple[Sequence[str], bool]:
    """The texts of one of two members, and whether it is the second."""
    if (name in given) is (negated in given):
        raise InvalidPolicy(f"a statement needs either {name} or {negated}")
    return _texts(given.get(name, given.get(negated)), name), negated in given


def _texts(given: Any, name: str) -> Sequence[str]:
    texts = given if isinstance(given, list) else [given]
    if not texts or not all(isinstance(each, str) and each for each in texts):
        raise InvalidPolicy(f"{name} must be a text or a list of texts")
    return texts


def _principals(given: Any) -> _Principals:
    if given == "*":
        return _Principals(everyone=True, arns=frozenset(), accounts=frozenset())
    if not isinstance(given, dict) or not given or not _PRINCIPAL_KINDS.issuperset(given):
        raise InvalidPrincipal("principal")
    texts = [text for kind in given if kind == "AWS" for text in _texts(given[kind], "Principal")]
    accounts, arns = set(), set()
    for text in texts:
        account = text if _is_account(text) else _account_of_root(text)
        if account is not None:
            accounts.add(account)
        elif _PRINCIPAL_ARN.match(text):
            arns.add(text)
        elif text != "*":
            raise InvalidPrincipal("principal")
    return _Principals("*" in texts, frozenset(arns), frozenset(accounts))


def _is_account(text: str) -> bool:
    return len(text) == _ACCOUNT_DIGITS and text.isascii() and text.isdigit()


def _account_of_root(text: str) -> str | None:
    """The account that an account's own ARN names: everyone in it is meant."""
    prefix, _, rest = text.partition("::")
    account = rest.removesuffix(":root")
    is_root = prefix == "arn:aws:iam" and rest.endswith(":root") and _is_account(account)
    return account if is_root else None
