"""Signature version 4, as AWS's clients put it into the Authorization header.

Promises AWS's error for each way a signature can be wrong, and a comparison whose time tells
nothing about the right signature. Not here: what an identity may do, and signatures in a URL's
query, which are refused.

What a client repeats from request to request (its key, scope and list of signed headers) is
understood once: everything before `Signature=` is the key of a bounded cache, which holds only what
came with a right signature.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final, Protocol, TypeVar

from headwater.auth.canonical import SignedHeaders, canonical_path, canonical_query
from headwater.auth.credentials import Credentials
from headwater.auth.mac import Mac
from headwater.auth.policy import Policy
from headwater.clock import Clock
from headwater.errors import (
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    UnrecognizedClientException,
)

ALGORITHM: Final = "AWS4-HMAC-SHA256"
TERMINATOR: Final = "aws4_request"
_UNSIGNED: Final = "UNSIGNED-PAYLOAD"
_SKEW_SECONDS: Final = 15 * 60
_CACHED_MAX: Final = 1024

_REGION: Final = re.compile(r"[a-z0-9-]{1,64}")
_CLAIM: Final = re.compile(r"Credential=([^/,\s]{1,128})/[^/,\s]*/([^/,\s]+)/")
_SCOPE_PARTS: Final = 5
_BASIC_FORMAT: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z")

_MISMATCH: Final = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. "
    "Consult the service documentation for details."
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, and in which region.

    access_key: None, and name empty, where credentials are not configured and none were sent.
    policy: the access key's own, if it has one.
    """

    region: str
    access_key: str | None
    name: str
    policy: Policy | None = None


@dataclass(frozen=True, slots=True)
class _Signer:
    """What all requests of one client on one day have in common."""

    identity: Identity
    date: str
    service: str
    scope: str
    headers: SignedHeaders
    signs_target: bool
    mac: Mac


_Kept = TypeVar("_Kept")


class SignedRequest(Protocol):
    """What of a request a signature covers; names of headers are in lower case.

    Header values are latin-1 texts without blanks around them; repeats are joined by commas.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]

    @property
    def signed_body(self) -> bytes:
        """The body as it was sent."""


class Verifier:
    """Tells who made a request.

    credentials: None accepts every request; its signature, right or wrong, only names the region.
    default_region: for a request that names none, where no credentials are configured.
    """

    def __init__(self, credentials: Credentials | None, clock: Clock, default_region: str) -> None:
        self._credentials = credentials
        self._clock = clock
        self._default_region = default_region
        self._signers: dict[str, _Signer] = {}
        self._identities: dict[str, Identity] = {}
        self._moment = ("", "", 0.0)  # the latest X-Amz-Date and its meaning: they come in bursts

    def authenticate(self, request: SignedRequest, service: str) -> Identity:
        """Who signed this request for this service.

        Raises MissingAuthenticationTokenException, IncompleteSignatureException,
        InvalidSignatureException or UnrecognizedClientException.
        """
        authorization = request.headers.get("authorization", "")
        if request.query and "X-Amz-" in request.query:
            _refuse_query_form(request.query, authorization)
        if self._credentials is None:
            return self._named(authorization)
        prefix, _, signature = authorization.rpartition("Signature=")
        signer = self._signers.get(prefix)
        if signer is not None:
            self._verify(request, service, signer, signature)
            return signer.identity
        parameters = _parameters(authorization, request.headers)
        signer = self._signer(parameters, self._credentials)
        self._verify(request, service, signer, parameters["Signature"])
        if parameters["Signature"] == signature:  # else it does not come last: never cached
            _remember(self._signers, prefix, signer)
        return signer.identity

    def _verify(
        self, request: SignedRequest, service: str, signer: _Signer, signature: str
    ) -> None:
        headers = request.headers
        stamp = self._checked_stamp(headers)
        if signer.date != stamp[:8]:
            raise InvalidSignatureException(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date "
                f"from HTTP: '{signer.date}' != '{stamp[:8]}', from '{stamp}'."
            )
        if signer.service != service:
            raise InvalidSignatureException(
                f"Credential should be scoped to correct service: '{service}'."
            )
        if "x-amz-target" in headers and not signer.signs_target:
            raise InvalidSignatureException(
                "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization."
            )
        canonical = canonical_request(request, signer.headers)
        digest = hashlib.sha256(canonical.encode("latin-1")).hexdigest()
        text = f"{ALGORITHM}\n{stamp}\n{signer.scope}\n{digest}"
        right = signer.mac.hexdigest(text.encode("latin-1"))
        if not signature.isascii() or not hmac.compare_digest(right, signature):
            raise InvalidSignatureException(_MISMATCH)

    def _checked_stamp(self, headers: dict[str, str]) -> str:
        """When the request was signed, in ISO 8601's basic format, found close enough to now."""
        sent = headers.get("x-amz-date") or headers.get("date", "")
        if sent != self._moment[0]:
            self._moment = (sent, *_moment(sent))
        _, stamp, seconds = self._moment
        now = self._clock.now()
        if seconds < now - _SKEW_SECONDS:
            raise InvalidSignatureException(
                f"Signature expired: {stamp} is now earlier than "
                f"{stamp_of(now - _SKEW_SECONDS)} ({stamp_of(now)} - 15 min.)"
            )
        if seconds > now + _SKEW_SECONDS:
            raise InvalidSignatureException(
                f"Signature not yet current: {stamp} is still later than "
                f"{stamp_of(now + _SKEW_SECONDS)} ({stamp_of(now)} + 15 min.)"
            )
        return stamp

    def _signer(self, parameters: dict[str, str], credentials: Credentials) -> _Signer:
        parts = parameters["Credential"].split("/")
        if len(parts) != _SCOPE_PARTS:
            raise IncompleteSignatureException(
                "Credential must have exactly 5 slash-delimited elements, e.g. "
                f"keyid/date/region/service/term, got '{parameters['Credential']}'"
            )
        access_key, date, region, service, terminator = parts
        if terminator != TERMINATOR:
            raise InvalidSignatureException(
                "Credential should be scoped with a valid terminator: "
                f"'{TERMINATOR}', not '{terminator}'."
            )
        if not _REGION.fullmatch(region):
            raise InvalidSignatureException("Credential should be scoped to a valid region.")
        headers = SignedHeaders(parameters["SignedHeaders"])
        if "host" not in headers:
            raise InvalidSignatureException(
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
            )
        credential = credentials.get(access_key)
        if credential is None:
            raise UnrecognizedClientException
        return _Signer(
            identity=Identity(region, access_key, credential.name, credential.policy),
            date=date,
            service=service,
            scope=f"{date}/{region}/{service}/{TERMINATOR}",
            headers=headers,
            signs_target="x-amz-target" in headers,
            mac=Mac(signing_key(credential.secret_access_key, date, region, service)),
        )

    def _named(self, authorization: str) -> Identity:
        """Whom an unverified signature names, as far as it can be read."""
        prefix = authorization.rpartition("Signature=")[0] or authorization
        identity = self._identities.get(prefix)
        if identity is None:
            found = _CLAIM.search(authorization)
            if found and _REGION.fullmatch(found[2]):
                identity = Identity(found[2], found[1], found[1])
            else:
                identity = Identity(self._default_region, None, "")
            _remember(self._identities, prefix, identity)
        return identity


def canonical_request(request: SignedRequest, signed: SignedHeaders) -> str:
    headers = request.headers
    path = "/" if request.path == "/" else canonical_path(request.path)
    query = canonical_query(request.query) if request.query else ""
    try:
        block = signed.block(headers)
    except KeyError:
        raise InvalidSignatureException(_MISMATCH) from None
    claimed = headers.get("x-amz-content-sha256") if "x-amz-content-sha256" in signed else None
    if claimed == _UNSIGNED:
        payload = _UNSIGNED
    else:
        payload = hashlib.sha256(request.signed_body).hexdigest()
        if claimed is not None and claimed != payload:
            raise InvalidSignatureException(_MISMATCH)
    return f"{request.method}\n{path}\n{query}\n{block}{payload}"


@lru_cache(maxsize=_CACHED_MAX)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, TERMINATOR):
        key = hmac.digest(key, part.encode("latin-1"), "sha256")
    return key


def _parameters(authorization: str, headers: dict[str, str]) -> dict[str, str]:
    """The three parts of an Authorization header, none of them empty."""
    algorithm, _, rest = authorization.strip().partition(" ")
    if not algorithm.startswith("AWS4-"):
        raise MissingAuthenticationTokenException
    parameters: dict[str, str] = {}
    for part in rest.split(","):
        name, _, value = part.strip().partition("=")
        parameters[name] = value
    faults = [
        f"Authorization header requires '{name}' parameter. "
        for name in ("Credential", "Signature", "SignedHeaders")
        if not parameters.get(name)
    ]
    if not headers.get("x-amz-date") and not headers.get("date"):
        faults.append(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
        )
    if faults:
        raise IncompleteSignatureException(f"{''.join(faults)}Authorization={authorization}")
    if algorithm != ALGORITHM:
        raise IncompleteSignatureException(f"Unsupported AWS 'algorithm': '{algorithm}'.")
    return parameters


def _refuse_query_form(query: str, authorization: str) -> None:
    """A URL that carries its own signature is not accepted, whether it is right or wrong."""
    names = {pair.partition("=")[0] for pair in query.split("&")}
    if not names & {"X-Amz-Algorithm", "X-Amz-Signature", "X-Amz-Credential"}:
        return
    if authorization:
        raise InvalidSignatureException(
            "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP "
            "header."
        )
    raise IncompleteSignatureException(
        "Signatures in the query string are not supported: sign with an Authorization header."
    )


def _moment(sent: str) -> tuple[str, float]:
    """What X-Amz-Date or Date says: in the basic format, and in seconds since the epoch."""
    try:
        if _BASIC_FORMAT.fullmatch(sent):
            moment = datetime.strptime(sent, "%Y%m%dT%H%M%S%z")
        else:
            moment = parsedate_to_datetime(sent)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
        seconds = moment.timestamp()
        return stamp_of(seconds), seconds
    except (TypeError, ValueError, OverflowError) as error:
        raise IncompleteSignatureException(
            f"Date must be in ISO-8601 'basic format'. Got '{sent}'. "
            "See http://en.wikipedia.org/wiki/ISO_8601"
        ) from error


def stamp_of(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%SZ")


def _remember(cache: dict[str, _Kept], key: str, value: _Kept) -> None:
    """Clients are few and steady; when strangers fill the cache, starting again costs little."""
    if len(cache) >= _CACHED_MAX:
        cache.clear()
    cache[key] = value
