"""What servers tell each other about global tables, as operations of ours, `Headwater_20261123`.

    ConsultReplicaServer   may a group change so? See `replication/consultation.py`.
    ExchangeReplicaState   a replica's state for another's. See `replication/state.py`.
    TakeReplicaItems       items of one replica for another. See `replication/payload.py`.
                           -> {Applied: number}

They are for peers alone: signed with a key of the configuration's `peers`, which is good for
nothing else, whether or not the server has credentials for its clients.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from headwater.api import shapes
from headwater.api.message import Request
from headwater.api.operation import Authenticate, Call, Identity, OwnOperation
from headwater.api.reply import Reply
from headwater.api.shapes import Input
from headwater.auth.credentials import Credential
from headwater.auth.signature import Verifier
from headwater.clock import Clock
from headwater.errors import AccessDeniedException, InvalidSignatureException
from headwater.peers import Peers
from headwater.replication.consultation import CONSULT
from headwater.replication.exchange import EXCHANGE
from headwater.replication.reception import Reception
from headwater.replication.remote import TAKE

check_table: Final = shapes.load("dynamodb").operations["CreateTable"].check
"""Checks what a peer says of a table as what a client says of one that it creates."""


class PeerHandlers:
    """The handlers. authenticate: says which peer has signed."""

    def __init__(self, reception: Reception, authenticate: Authenticate) -> None:
        self._reception = reception
        self._authenticate = authenticate

    def operations(self) -> Mapping[str, OwnOperation]:
        named = {CONSULT: self.consult, EXCHANGE: self.exchange, TAKE: self.take}
        return {
            name: OwnOperation(_unchecked, handler, self._authenticate)
            for name, handler in named.items()
        }

    async def consult(self, call: Call) -> Reply:
        await self._reception.consult(call.caller, call.input)
        return Reply.json({})

    async def exchange(self, call: Call) -> Reply:
        return Reply(await self._reception.exchange(call.caller, call.input))

    async def take(self, call: Call) -> Reply:
        return Reply.json({"Applied": await self._reception.take(call.caller, call.input)})


class PeerVerifier:
    """`Authenticate` for peers. region: of this server's own. clock: the machine's."""

    def __init__(self, peers: Peers, clock: Clock, region: str) -> None:
        keys = {peer.access_key_id: peer for peer in peers.values()}
        credentials = {
            key: Credential(key, peer.secret_access_key, key) for key, peer in keys.items()
        }
        self._verifier = Verifier(credentials, clock, region) if peers else None

    def __call__(self, request: Request, service: str) -> Identity:
        if self._verifier is None:
            raise AccessDeniedException("This server has no peers")
        return self._verifier.authenticate(request, service)


def clients_of(peers: Peers, verifier: Verifier) -> Authenticate:
    """Says who a client is; of a server with peers, refuses requests for those's regions."""
    if not peers:
        return verifier.authenticate

    def authenticate(request: Request, service: str) -> Identity:
        identity = verifier.authenticate(request, service)
        peer = peers.get(identity.region)
        if peer is not None:
            raise InvalidSignatureException(
                "Credential should be scoped to a valid region. The region "
                f"{peer.region} is another server's: {peer.endpoint}"
            )
        return identity

    return authenticate


def _unchecked(body: Input) -> Input:
    return body  # its reader is `Reception`, which looks at the whole of it
