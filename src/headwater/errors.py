"""What a client is told when a request fails.

`ServiceError` is the root; one class per error of AWS, with its code, HTTP status and the name
space its wire form carries. The text is given where the fault is found; only `api/` serialises it.
Operational errors, which code handles and no client sees, belong to the floors that raise them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

DYNAMODB = "com.amazonaws.dynamodb.v20120810"
VALIDATE = "com.amazon.coral.validate"
CORAL = "com.amazon.coral.service"
SQS = "com.amazonaws.sqs"

INVALID: Final = "One or more parameter values were invalid: "
"""What many of AWS's texts begin with."""


class ServiceError(Exception):
    """A failure with AWS's code, text and status.

    message: the text, or None where AWS sends none.
    query_code: of SQS's errors, the name in that service's older protocol, where it is another.
    members: further members of the error's body beside the message (`CancellationReasons`, `Item`).
    """

    status: ClassVar[int] = 400
    namespace: ClassVar[str] = DYNAMODB
    message_member: ClassVar[str] = "message"
    default_message: ClassVar[str | None] = None
    query_code: ClassVar[str | None] = None

    def __init__(
        self, message: str | None = None, members: Mapping[str, object] | None = None
    ) -> None:
        self.message = self.default_message if message is None else message
        self.members: Mapping[str, object] = members or {}
        super().__init__(self.message or type(self).__name__)

    @property
    def code(self) -> str:
        """AWS's name of the error, the part of `__type` after the `#`."""
        return type(self).__name__


class ValidationException(ServiceError):
    namespace = VALIDATE


class SerializationException(ServiceError):
    namespace = CORAL
    message_member = "Message"


class UnknownOperationException(ServiceError):
    namespace = CORAL


class RequestEntityTooLargeException(ServiceError):
    status = 413
    namespace = CORAL


class MissingAuthenticationTokenException(ServiceError):
    namespace = CORAL
    default_message = "Request is missing Authentication Token"


class IncompleteSignatureException(ServiceError):
    namespace = CORAL


class InvalidSignatureException(ServiceError):
    namespace = CORAL


class UnrecognizedClientException(ServiceError):
    namespace = CORAL
    default_message = "The security token included in the request is invalid."


class AccessDeniedException(ServiceError):
    namespace = CORAL
    message_member = "Message"


class ThrottlingException(ServiceError):
    namespace = CORAL
    default_message = "Rate of requests exceeds the allowed throughput."


class InternalServerError(ServiceError):
    status = 500
    default_message = "Internal server error"


class ServiceUnavailable(ServiceError):
    status = 503
    namespace = CORAL
    default_message = "Service is temporarily unavailable. Please retry."


class ResourceNotFoundException(ServiceError):
    default_message = "Requested resource not found"


class GlobalTableNotFoundException(ServiceError):
    pass


class TableNotFoundException(ServiceError):
    """What the operations on backups say instead of ResourceNotFoundException."""


class TableAlreadyExistsException(ServiceError):
    pass


class TableInUseException(ServiceError):
    pass


class BackupNotFoundException(ServiceError):
    pass


class BackupInUseException(ServiceError):
    default_message = (
        "There is another ongoing conflicting backup control plane operation on the table. "
        "The backup is either being created, deleted or restored to a table."
    )


class ContinuousBackupsUnavailableException(ServiceError):
    pass


class PointInTimeRecoveryUnavailableException(ServiceError):
    pass


class InvalidRestoreTimeException(ServiceError):
    default_message = (
        "An invalid restore time was specified. RestoreDateTime must be between "
        "EarliestRestorableDateTime and LatestRestorableDateTime."
    )


class ExportNotFoundException(ServiceError):
    pass


class ExportConflictException(ServiceError):
    pass


class InvalidExportTimeException(ServiceError):
    pass


class ImportNotFoundException(ServiceError):
    pass


class ImportConflictException(ServiceError):
    pass


class ResourceInUseException(ServiceError):
    default_message = "The resource which you are attempting to change is in use."


class LimitExceededException(ServiceError):
    pass


class ConditionalCheckFailedException(ServiceError):
    default_message = "The conditional request failed"


class PolicyNotFoundException(ServiceError):
    default_message = "Resource-based policy not found for the provided ResourceArn"


class ProvisionedThroughputExceededException(ServiceError):
    default_message = (
        "The level of configured provisioned throughput for the table was exceeded. "
        "Consider increasing your provisioning level with the UpdateTable API."
    )


THROTTLED: Final = (ProvisionedThroughputExceededException, ThrottlingException)
"""What is raised for units beyond what is provisioned, or beyond the limit of what is on demand."""


class ItemCollectionSizeLimitExceededException(ServiceError):
    default_message = "Collection size exceeded."


class TransactionCanceledException(ServiceError):
    message_member = "Message"


class TransactionConflictException(ServiceError):
    default_message = "Transaction is ongoing for the item"


class TransactionInProgressException(ServiceError):
    message_member = "Message"


class IdempotentParameterMismatchException(ServiceError):
    message_member = "Message"


class DuplicateItemException(ServiceError):
    default_message = "Duplicate primary key exists in table"


class ExpiredIteratorException(ServiceError):
    default_message = "The provided iterator exceeds the maximum age allowed."


class TrimmedDataAccessException(ServiceError):
    default_message = "The data you are trying to access has been trimmed"


class InvalidArgumentException(ServiceError):
    """Data streams' word for a parameter they cannot take."""


class ExpiredNextTokenException(ServiceError):
    pass


class InternalFailureException(ServiceError):
    """Data streams' internal fault."""

    status = 500


class InvalidParameterValueException(ServiceError):
    """Lambda's word for a parameter it cannot take."""


class ResourceConflictException(ServiceError):
    status = 409


class PreconditionFailedException(ServiceError):
    status = 412
    default_message = (
        "The Revision Id provided does not match the latest Revision Id. Call the "
        "GetFunction/GetAlias API to retrieve the latest Revision Id"
    )


class FunctionNotFound(ServiceError):
    """Lambda's ResourceNotFoundException, which is a 404 where DynamoDB's is a 400."""

    status = 404

    @property
    def code(self) -> str:
        return "ResourceNotFoundException"


class InvalidRequestContentException(ServiceError):
    pass


class RequestTooLargeException(ServiceError):
    status = 413


class PolicyLengthExceededException(ServiceError):
    pass


class TooManyRequestsException(ServiceError):
    status = 429
    default_message = "Rate Exceeded."


class ServiceException(ServiceError):
    """Lambda's internal fault."""

    status = 500


class QueueDoesNotExist(ServiceError):
    namespace = SQS
    query_code = "AWS.SimpleQueueService.NonExistentQueue"
    default_message = "The specified queue does not exist."


class QueueNameExists(ServiceError):
    namespace = SQS
    query_code = "QueueAlreadyExists"


class QueueUnsupportedOperation(ServiceError):
    namespace = SQS
    query_code = "AWS.SimpleQueueService.UnsupportedOperation"

    @property
    def code(self) -> str:
        return "UnsupportedOperation"


class QueueParameterInvalid(ServiceError):
    namespace = SQS

    @property
    def code(self) -> str:
        return "InvalidParameterValue"


class InvalidAttributeName(ServiceError):
    namespace = SQS


class InvalidAttributeValue(ServiceError):
    namespace = SQS


class InvalidMessageContents(ServiceError):
    namespace = SQS


class EmptyBatchRequest(ServiceError):
    namespace = SQS
    query_code = "AWS.SimpleQueueService.EmptyBatchRequest"
    default_message = "There should be at least one SendMessageBatchRequestEntry in the request."


class TooManyEntriesInBatchRequest(ServiceError):
    namespace = SQS
    query_code = "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"


class BatchEntryIdsNotDistinct(ServiceError):
    namespace = SQS
    query_code = "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"


class InvalidBatchEntryId(ServiceError):
    namespace = SQS
    query_code = "AWS.SimpleQueueService.InvalidBatchEntryId"
    default_message = (
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
        "It can be at most 80 letters long."
    )


class BatchRequestTooLong(ServiceError):
    namespace = SQS
    query_code = "AWS.SimpleQueueService.BatchRequestTooLong"


class InvalidAddress(ServiceError):
    namespace = SQS
    status = 404


class ReceiptHandleIsInvalid(ServiceError):
    namespace = SQS
    default_message = "The input receipt handle is invalid."
