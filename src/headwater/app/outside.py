"""Where messages and objects go: the outbox, its destinations, and the server's own queues."""

from __future__ import annotations

from headwater.app.core import Core, absolute
from headwater.mappings.activity import Activities
from headwater.mappings.report import mapping_of
from headwater.outbox.message import Message
from headwater.outbox.outbox import Outbox, OutboxStore
from headwater.outbox.sender import Sender, Senders
from headwater.outbox.services import Absent, Buckets, Queues, Services, Topics
from headwater.queues.sender import LocalQueues
from headwater.queues.service import QueueService, QueueStore
from headwater.storage.duplicate import OBJECTS
from headwater.storage.objects import DirectoryObjects, ObjectStore
from headwater.storage.s3 import S3Objects


def objects_of(core: Core) -> ObjectStore:
    """Where exports and messages for buckets go, and imports come from."""
    settings = core.settings
    if settings.s3_endpoint is not None:
        return S3Objects(settings.s3_endpoint, settings.region)
    if settings.objects is not None:
        return DirectoryObjects(absolute(settings.objects), core.chance)
    own = core.folder / OBJECTS
    own.mkdir(mode=0o700, parents=True, exist_ok=True)  # not for users that functions run as
    return DirectoryObjects(own, core.chance)


def queues_of(core: Core) -> QueueService:
    """The server's own queues; it is the leading process that sweeps them."""
    store = QueueStore(core.engine, core.committer, core.wakeups, core.clock, core.machine_clock)
    queues = QueueService(store, core.settings.account, core.chance)
    core.duties.append(queues.run)
    return queues


def senders_of(core: Core, queues: QueueService) -> Senders:
    """What sends to each kind of destination that this server knows."""
    return Senders(
        {"sqs": _queues(core, queues), "sns": _topics(core), "s3": Buckets(objects_of(core))}
    )


def outbox_of(core: Core, senders: Senders, activities: Activities) -> Outbox:
    """The outbox; it is the leading process that sends."""

    def note(message: Message, is_delivered: bool) -> None:  # noqa: FBT001 - the seam's form
        core.telemetry.messages.note(message.service, is_delivered=is_delivered)
        if core.departures is not None:
            core.departures.note(message, core.clock.now(), is_delivered=is_delivered)
        mapping_uuid = mapping_of(message.source)
        if is_delivered and mapping_uuid is not None:
            activities.note_on_failure(mapping_uuid)

    store = OutboxStore(core.engine, core.committer, core.wakeups)
    outbox = Outbox(store, senders, core.clock, core.chance, note)
    core.duties.append(outbox.run)
    return outbox


def _queues(core: Core, own: QueueService) -> Sender:
    endpoint = core.settings.sqs_endpoint
    return LocalQueues(own) if endpoint is None else Queues(Services("sqs", endpoint))


def _topics(core: Core) -> Sender:
    endpoint = core.settings.sns_endpoint
    if endpoint is not None:
        return Topics(Services("sns", endpoint))
    return Absent("topics need the setting sns_endpoint")
