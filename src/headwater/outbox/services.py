"""Queues, topics and buckets, at a service's address."""

from __future__ import annotations

from typing import Any, Final

from headwater.aws import AwsService, CallFailed
from headwater.outbox.message import Message
from headwater.outbox.sender import SendFailed
from headwater.storage.objects import ObjectsFailed, ObjectStore, Place, UnusableName

_FIFO: Final = ".fifo"
_BUCKET_AT: Final = 5  # arn:aws:s3:::bucket


def _attributes(message: Message) -> dict[str, dict[str, str]]:
    """As queues and topics take them."""
    return {
        name: {"DataType": "String", "StringValue": text}
        for name, text in message.attributes.items()
    }


class Services:
    """One service in every region, at one address."""

    def __init__(self, name: str, endpoint: str) -> None:
        self._name = name
        self._endpoint = endpoint
        self._by_region: dict[str, AwsService] = {}

    def of(self, region: str) -> AwsService:
        service = self._by_region.get(region)
        if service is None:
            service = self._by_region[region] = AwsService(self._name, self._endpoint, region)
        return service


class Topics:
    """Sends to topics: a message's body is the notification's text."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def refusal(self, destination: str) -> str | None:
        return fifo_refusal(destination)

    async def send(self, message: Message) -> None:
        service = self._services.of(_region(message.destination))
        await _sent(
            service,
            "publish",
            TopicArn=message.destination,
            Message=message.body.decode(),
            MessageAttributes=_attributes(message),
        )


class Queues:
    """Sends to queues of a service, which is asked for their addresses each time."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def refusal(self, destination: str) -> str | None:
        return fifo_refusal(destination)

    async def send(self, message: Message) -> None:
        _, _, _, region, account, name = message.destination.split(":", 5)
        service = self._services.of(region)
        found = await _sent(
            service, "get_queue_url", QueueName=name, QueueOwnerAWSAccountId=account
        )
        url = str(found["QueueUrl"])
        await _sent(
            service,
            "send_message",
            QueueUrl=url,
            MessageBody=message.body.decode(),
            MessageAttributes=_attributes(message),
        )


class Buckets:
    """Sends to buckets: each message becomes an object."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def refusal(self, destination: str) -> str | None:
        try:
            self._objects.check(_bucket(destination), "")
        except UnusableName as error:
            return str(error)
        return None

    async def send(self, message: Message) -> None:
        place = Place(_bucket(message.destination), message.object_key)
        try:
            await self._objects.put(place, message.body)
        except ObjectsFailed as error:
            raise SendFailed(str(error)) from error


class Absent:
    """The destinations of a service that this server has no address of."""

    def __init__(self, why: str) -> None:
        self._why = why

    def refusal(self, destination: str) -> str | None:
        del destination
        return self._why

    async def send(self, message: Message) -> None:
        del message
        raise SendFailed(self._why)


def fifo_refusal(destination: str) -> str | None:
    """Lambda sends to no queue or topic that keeps an order."""
    is_fifo = destination.endswith(_FIFO)
    return f"{destination} is first-in-first-out, which is not supported" if is_fifo else None


async def _sent(service: AwsService, operation: str, **parameters: Any) -> dict[str, object]:
    try:
        return await service.call(operation, **parameters)
    except CallFailed as error:
        raise SendFailed(str(error)) from error


def _region(arn: str) -> str:
    return arn.split(":", 4)[3]


def _bucket(arn: str) -> str:
    return arn.split(":", _BUCKET_AT)[_BUCKET_AT]
