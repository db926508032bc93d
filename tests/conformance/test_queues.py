"""Queues: the operations of SQS that a dead-letter queue needs.

Sources: SQS API Reference; SQS Developer Guide, "Amazon SQS visibility timeout".
"""

import threading

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.local_only  # queues could not be deleted again


@pytest.fixture(scope="module")
def sqs(connect):
    return connect("sqs")


@pytest.fixture
def make_queue(sqs, unique_name):
    def make(**attributes):
        made = sqs.create_queue(QueueName=unique_name("queue"), Attributes=attributes)
        return made["QueueUrl"]

    return make


@pytest.fixture
def queue(make_queue):
    return make_queue()


def received(sqs, url, **parameters):
    return sqs.receive_message(QueueUrl=url, **parameters).get("Messages", [])


def counts(sqs, url):
    """Visible, hidden and delayed messages."""
    names = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return tuple(int(attributes[name]) for name in names)


def refused(call, **parameters):
    """The code and the text of the error a call ends in."""
    with pytest.raises(ClientError) as failure:
        call(**parameters)
    error = failure.value.response["Error"]
    return error["Code"], error["Message"]


def test_message_is_received_as_it_was_sent_and_deleted_by_its_receipt(sqs, queue):
    sent = sqs.send_message(QueueUrl=queue, MessageBody="héllo\n\U0001f600")

    (message,) = received(sqs, queue)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])

    assert message["Body"] == "héllo\n\U0001f600"
    assert message["MessageId"] == sent["MessageId"]
    assert message["MD5OfBody"] == sent["MD5OfMessageBody"]
    assert counts(sqs, queue) == (0, 0, 0)


def test_received_message_is_hidden_until_its_time_is_over(sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="a")

    for seconds in (1, 15):  # the second on a machine that was too slow for the first
        (first,) = received(sqs, queue, VisibilityTimeout=seconds)
        meanwhile = received(sqs, queue, VisibilityTimeout=0)
        if not meanwhile:
            break
    again = received(sqs, queue, WaitTimeSeconds=20, AttributeNames=["All"])

    assert meanwhile == []
    assert again[0]["MessageId"] == first["MessageId"]
    assert again[0]["Attributes"]["ApproximateReceiveCount"] == ("2" if seconds == 1 else "4")


def test_old_receipt_deletes_nothing_and_is_no_error(sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="a")
    (old,) = received(sqs, queue, VisibilityTimeout=0)
    (new,) = received(sqs, queue)

    sqs.delete_message(QueueUrl=queue, ReceiptHandle=old["ReceiptHandle"])
    assert counts(sqs, queue) == (0, 1, 0)

    for _ in range(2):  # deleting what is gone is no error either
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=new["ReceiptHandle"])
    assert counts(sqs, queue) == (0, 0, 0)


def test_wait_ends_with_the_message(sqs, queue):
    later = threading.Timer(
        0.2, sqs.send_message, kwargs={"QueueUrl": queue, "MessageBody": "late"}
    )
    later.start()

    (message,) = received(sqs, queue, WaitTimeSeconds=20)
    later.join()

    assert message["Body"] == "late"


def test_queue_gives_several_at_once_and_no_more_than_asked(sqs, queue):
    for number in range(12):
        sqs.send_message(QueueUrl=queue, MessageBody=str(number))

    pages = [received(sqs, queue, MaxNumberOfMessages=10) for _ in range(3)]

    assert [len(page) for page in pages] == [10, 2, 0]
    assert {each["Body"] for page in pages for each in page} == {str(n) for n in range(12)}


def test_concurrent_receivers_share_messages(sqs, queue):
    for number in range(40):
        sqs.send_message(QueueUrl=queue, MessageBody=str(number))
    bodies: list[str] = []

    def receive_all():
        while page := received(sqs, queue, MaxNumberOfMessages=3):
            bodies.extend(each["Body"] for each in page)

    receivers = [threading.Thread(target=receive_all) for _ in range(4)]
    for each in receivers:
        each.start()
    for each in receivers:
        each.join()

    assert sorted(bodies, key=int) == [str(number) for number in range(40)]


def test_delayed_message_cannot_be_received_yet(sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="a", DelaySeconds=900)

    assert received(sqs, queue) == []
    assert counts(sqs, queue) == (0, 0, 1)


def test_attributes_travel_with_the_message_and_are_chosen_by_name(sqs, queue):
    attributes = {
        "author.name": {"DataType": "String", "StringValue": "Ada"},
        "author.age": {"DataType": "Number.int", "StringValue": "36"},
        "blob": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    trace = {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}
    sqs.send_message(  # botocore checks the digest of what the server has understood
        QueueUrl=queue,
        MessageBody="a",
        MessageAttributes=attributes,
        MessageSystemAttributes={"AWSTraceHeader": trace},
        MessageGroupId="group",
    )

    (all_of_it,) = received(
        sqs,
        queue,
        VisibilityTimeout=0,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
    )
    (some,) = received(sqs, queue, VisibilityTimeout=0, MessageAttributeNames=["author.*"])
    (none,) = received(sqs, queue, VisibilityTimeout=0)

    assert all_of_it["MessageAttributes"] == attributes
    assert all_of_it["Attributes"].keys() == {
        "SenderId",
        "SentTimestamp",
        "ApproximateReceiveCount",
        "ApproximateFirstReceiveTimestamp",
        "MessageGroupId",
        "AWSTraceHeader",
    }
    assert some["MessageAttributes"].keys() == {"author.name", "author.age"}
    assert "MessageAttributes" not in none
    assert "Attributes" not in none


def test_attributes_of_a_queue_are_set_at_its_creation(sqs, make_queue, unique_name):
    url = make_queue(VisibilityTimeout="5", MessageRetentionPeriod="60")

    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    assert attributes["VisibilityTimeout"] == "5"
    assert attributes["MessageRetentionPeriod"] == "60"
    assert attributes["DelaySeconds"] == "0"
    assert attributes["QueueArn"].startswith("arn:aws:sqs:us-east-1:000000000000:")
    assert sqs.get_queue_attributes(QueueUrl=url).get("Attributes") is None


def test_creating_a_queue_again_finds_it_unless_an_attribute_differs(sqs, unique_name):
    name = unique_name("queue")
    first = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "5"})

    same = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "5"})
    plain = sqs.create_queue(QueueName=name)
    code, text = refused(sqs.create_queue, QueueName=name, Attributes={"VisibilityTimeout": "6"})

    assert first["QueueUrl"] == same["QueueUrl"] == plain["QueueUrl"]
    assert sqs.get_queue_url(QueueName=name)["QueueUrl"] == first["QueueUrl"]
    assert code == "QueueAlreadyExists"
    assert text.endswith("a different value for attribute VisibilityTimeout")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "InvalidParameterValue"),
        ("a b", "InvalidParameterValue"),
        ("a" * 81, "InvalidParameterValue"),
        ("a.fifo", "AWS.SimpleQueueService.UnsupportedOperation"),
    ],
)
def test_name_of_a_queue_is_checked(sqs, name, code):
    assert refused(sqs.create_queue, QueueName=name)[0] == code


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"VisibilityTimeout": "43201"}, "InvalidAttributeValue"),
        ({"DelaySeconds": "-1"}, "InvalidAttributeValue"),
        ({"DelaySeconds": "x"}, "InvalidAttributeValue"),
        ({"MessageRetentionPeriod": "59"}, "InvalidAttributeValue"),
        ({"MaximumMessageSize": "1023"}, "InvalidAttributeValue"),
        ({"FifoQueue": "true"}, "AWS.SimpleQueueService.UnsupportedOperation"),
        ({"RedrivePolicy": "{}"}, "AWS.SimpleQueueService.UnsupportedOperation"),
    ],
)
def test_attributes_of_a_queue_are_checked(sqs, unique_name, attributes, code):
    name = unique_name("queue")

    assert refused(sqs.create_queue, QueueName=name, Attributes=attributes)[0] == code
    missing = refused(sqs.get_queue_url, QueueName=name)
    assert missing == (
        "AWS.SimpleQueueService.NonExistentQueue",
        "The specified queue does not exist.",
    )


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"MessageBody": ""}, "InvalidParameterValue"),
        ({"MessageBody": "\x00"}, "InvalidMessageContents"),
        ({"MessageBody": "a", "DelaySeconds": 901}, "InvalidParameterValue"),
        ({"MessageBody": "a", "DelaySeconds": -1}, "InvalidParameterValue"),
        ({"MessageBody": "a", "MessageDeduplicationId": "b"}, "InvalidParameterValue"),
        (
            {"MessageBody": "a", "MessageAttributes": {"x": {"DataType": "Text"}}},
            "InvalidParameterValue",
        ),
        (
            {"MessageBody": "a", "MessageAttributes": {"x": {"DataType": "String"}}},
            "InvalidParameterValue",
        ),
        (
            {
                "MessageBody": "a",
                "MessageAttributes": {".x": {"DataType": "String", "StringValue": "y"}},
            },
            "InvalidParameterValue",
        ),
    ],
)
def test_message_is_checked(sqs, queue, parameters, code):
    assert refused(sqs.send_message, QueueUrl=queue, **parameters)[0] == code
    assert counts(sqs, queue) == (0, 0, 0)


def test_message_may_have_the_largest_size_and_no_byte_more(sqs, make_queue):
    url = make_queue(MaximumMessageSize="1024")

    sqs.send_message(QueueUrl=url, MessageBody="a" * 1024)
    code, text = refused(sqs.send_message, QueueUrl=url, MessageBody="a" * 1025)

    assert code == "InvalidParameterValue"
    assert "must be shorter than 1024 bytes" in text


@pytest.mark.parametrize(
    "parameters",
    [
        {"MaxNumberOfMessages": 0},
        {"MaxNumberOfMessages": 11},
        {"VisibilityTimeout": 43_201},
        {"WaitTimeSeconds": 21},
        {"ReceiveRequestAttemptId": "x"},
    ],
)
def test_receiving_is_checked(sqs, queue, parameters):
    code = refused(sqs.receive_message, QueueUrl=queue, **parameters)[0]

    assert code == "InvalidParameterValue"


@pytest.mark.parametrize("handle", ["", "x", "AAAA", "é"])
def test_receipt_that_is_none_is_refused(sqs, queue, handle):
    code = refused(sqs.delete_message, QueueUrl=queue, ReceiptHandle=handle)[0]

    assert code == "ReceiptHandleIsInvalid"


def test_receipt_of_another_queue_is_refused(sqs, make_queue):
    one, other = make_queue(), make_queue()
    sqs.send_message(QueueUrl=one, MessageBody="a")
    (message,) = received(sqs, one)

    code = refused(sqs.delete_message, QueueUrl=other, ReceiptHandle=message["ReceiptHandle"])[0]

    assert code == "ReceiptHandleIsInvalid"
    assert counts(sqs, one) == (0, 1, 0)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("/000000000000/nobody", "AWS.SimpleQueueService.NonExistentQueue"),
        ("/111111111111/nobody", "AWS.SimpleQueueService.NonExistentQueue"),
        ("/nobody", "InvalidAddress"),
        ("", "InvalidAddress"),
    ],
)
def test_address_of_no_queue_is_refused(sqs, endpoint, end, code):
    assert refused(sqs.receive_message, QueueUrl=endpoint + end)[0] == code


@pytest.mark.parametrize("operation", ["purge_queue", "delete_queue", "list_queue_tags"])
def test_further_operations_are_refused_by_name(sqs, queue, operation):
    code, text = refused(getattr(sqs, operation), QueueUrl=queue)

    assert code == "UnknownOperationException"
    assert "is not supported by Headwater" in text


def entries(*bodies):
    return [{"Id": f"n{n}", "MessageBody": body} for n, body in enumerate(bodies)]


def test_batch_is_sent_but_for_what_is_refused(sqs, queue):
    batch = entries("a", "\ufffe", "c")
    batch[2]["MessageAttributes"] = {"kind": {"DataType": "String", "StringValue": "x"}}

    answer = sqs.send_message_batch(QueueUrl=queue, Entries=batch)

    found = received(sqs, queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    messages = sorted(found, key=lambda each: each["Body"])
    assert {each["Id"]: each["MD5OfMessageBody"] for each in answer["Successful"]} == {
        "n0": messages[0]["MD5OfBody"],
        "n2": messages[1]["MD5OfBody"],
    }
    assert [each["Body"] for each in messages] == ["a", "c"]
    assert messages[1]["MessageAttributes"]["kind"]["StringValue"] == "x"
    (failed,) = answer["Failed"]
    assert (failed["Id"], failed["SenderFault"], failed["Code"]) == (
        "n1",
        True,
        "InvalidMessageContents",
    )


@pytest.mark.parametrize(
    ("batch", "code"),
    [
        ([], "EmptyBatchRequest"),
        (entries(*"abcdefghijk"), "TooManyEntriesInBatchRequest"),
        ([{"Id": "a", "MessageBody": "x"}] * 2, "BatchEntryIdsNotDistinct"),
        ([{"Id": "a b", "MessageBody": "x"}], "InvalidBatchEntryId"),
        (entries("x" * 600_000, "x" * 600_000), "BatchRequestTooLong"),
    ],
)
def test_batch_is_refused_whole(sqs, queue, batch, code):
    assert refused(sqs.send_message_batch, QueueUrl=queue, Entries=batch)[0] in (
        code,
        f"AWS.SimpleQueueService.{code}",
    )
    assert counts(sqs, queue) == (0, 0, 0)
