"""TransactWriteItems: all or nothing, reasons, tokens."""

import pytest

from tests.conformance.expectation import VALUES, invalid, missing, refused

FAILED = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
NONE = {"Code": "None"}


@pytest.fixture
def actions(simple, key):
    """Makes actions on the items whose keys are the test's with an ending."""

    class Actions:
        def key(self, ending):
            return {"pk": {"S": key + ending}}

        def put(self, ending, **options):
            item = {**self.key(ending), **options.pop("attributes", {})}
            return {"Put": {"TableName": simple, "Item": item, **options}}

        def delete(self, ending, **options):
            return {"Delete": {"TableName": simple, "Key": self.key(ending), **options}}

        def add(self, ending, number, **options):
            return {
                "Update": {
                    "TableName": simple,
                    "Key": self.key(ending),
                    "UpdateExpression": "ADD n :n",
                    "ExpressionAttributeValues": {":n": {"N": number}},
                    **options,
                }
            }

        def check(self, ending, condition, **options):
            return {
                "ConditionCheck": {
                    "TableName": simple,
                    "Key": self.key(ending),
                    "ConditionExpression": condition,
                    **options,
                }
            }

    return Actions()


@pytest.fixture
def transact(dynamodb):
    def call(*actions, **options):
        return dynamodb.transact_write_items(TransactItems=list(actions), **options)

    return call


@pytest.fixture
def stored(dynamodb, simple, key):
    """The items under the test's key with these endings; None for one that is not there."""

    def call(*endings):
        answer = dynamodb.transact_get_items(
            TransactItems=[
                {"Get": {"TableName": simple, "Key": {"pk": {"S": key + ending}}}}
                for ending in endings
            ]
        )
        return [response.get("Item") for response in answer["Responses"]]

    return call


def test_every_kind_of_action_takes_effect(transact, actions, stored, key):
    transact(actions.put("b"), actions.put("c"))

    transact(
        actions.put("a", attributes={"x": {"S": "x"}}),
        actions.delete("b"),
        actions.add("d", "5"),
        actions.check("c", "attribute_exists(pk)"),
    )

    assert stored("a", "b", "c", "d") == [
        {"pk": {"S": key + "a"}, "x": {"S": "x"}},
        None,
        {"pk": {"S": key + "c"}},
        {"pk": {"S": key + "d"}, "n": {"N": "5"}},
    ]


def test_one_failed_condition_undoes_all(transact, actions, stored):
    with refused(
        "TransactionCanceledException",
        "Transaction cancelled, please refer cancellation reasons for specific reasons "
        "[None, ConditionalCheckFailed]",
    ) as refusal:
        transact(actions.put("a"), actions.check("b", "attribute_exists(pk)"))

    assert refusal.body["CancellationReasons"] == [NONE, FAILED]
    assert stored("a", "b") == [None, None]


def test_every_failed_condition_is_reported(transact, actions):
    with refused("TransactionCanceledException") as refusal:
        transact(
            actions.check("a", "attribute_exists(pk)"),
            actions.put("b"),
            actions.delete("c", ConditionExpression="attribute_exists(pk)"),
            actions.add("d", "1", ConditionExpression="attribute_exists(pk)"),
            actions.put("e", ConditionExpression="attribute_exists(pk)"),
        )

    assert refusal.body["CancellationReasons"] == [FAILED, NONE, FAILED, FAILED, FAILED]


def test_reason_has_the_item_of_those_that_ask(transact, actions, stored):
    transact(actions.put("a"), actions.put("b"))
    condition = {"ConditionExpression": "attribute_not_exists(pk)"}

    with refused("TransactionCanceledException") as refusal:
        transact(
            actions.put("a", **condition, ReturnValuesOnConditionCheckFailure="ALL_OLD"),
            actions.put("b", **condition),
            actions.put("c", **condition, ReturnValuesOnConditionCheckFailure="ALL_OLD"),
        )

    assert refusal.body["CancellationReasons"] == [
        FAILED | {"Item": actions.key("a")},
        FAILED,
        NONE,
    ]


def test_fault_of_one_action_is_a_reason(transact, actions, stored):
    transact(actions.put("a", attributes={"n": {"S": "text"}}))

    with refused("TransactionCanceledException") as refusal:
        transact(actions.put("b"), actions.add("a", "1"))

    none, fault = refusal.body["CancellationReasons"]
    assert none == NONE
    assert fault["Code"] == "ValidationError"
    assert fault["Message"] == "An operand in the update expression has an incorrect data type"
    assert stored("b") == [None]


@pytest.mark.parametrize(
    ("kind", "members", "message"),
    [
        (
            "Put",
            {"Item": {"grade": {"N": "1"}}},
            VALUES + "Missing the key pk in the item",
        ),
        (
            "Put",
            {"Item": {"pk": {"N": "1"}}},
            VALUES + "Type mismatch for key pk expected: S actual: N",
        ),
        (
            "Delete",
            {"Key": {"other": {"S": "a"}}},
            "The provided key element does not match the schema",
        ),
        (
            "ConditionCheck",
            {"Key": {"pk": {"N": "1"}}, "ConditionExpression": "attribute_exists(pk)"},
            "The provided key element does not match the schema",
        ),
        (
            "Update",
            {
                "Key": {"pk": {"S": "a"}},
                "UpdateExpression": "SET pk = :v",
                "ExpressionAttributeValues": {":v": {"S": "b"}},
            },
            VALUES + "Cannot update attribute pk. This attribute is part of the key",
        ),
    ],
    ids=["missing", "type", "delete", "check", "update"],
)
def test_action_that_does_not_fit_the_schema_is_a_reason(
    transact, actions, stored, simple, kind, members, message
):
    with refused("TransactionCanceledException") as refusal:
        transact(actions.put("a"), {kind: {"TableName": simple, **members}})

    assert refusal.body["CancellationReasons"] == [
        NONE,
        {"Code": "ValidationError", "Message": message},
    ]
    assert stored("a") == [None]


def test_index_key_of_another_type_is_a_reason(dynamodb, indexed, key):
    item = {"pk": {"S": key}, "sk": {"S": "a"}, "colour": {"N": "1"}}

    with refused("TransactionCanceledException") as refusal:
        dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": indexed, "Item": item}}])

    (reason,) = refusal.body["CancellationReasons"]
    assert reason["Code"] == "ValidationError"
    assert "Type mismatch for Index Key colour Expected: S Actual: N" in reason["Message"]


def test_two_actions_on_one_item_are_refused(transact, actions):
    with invalid("Transaction request cannot include multiple operations on one item"):
        transact(actions.put("a"), actions.check("a", "attribute_exists(pk)"))


def test_100_actions_are_the_most(transact, actions, stored):
    transact(*(actions.put(str(number)) for number in range(100)))

    with invalid() as refusal:
        transact(*(actions.delete(str(number)) for number in range(101)))
    assert refusal.message.startswith("1 validation error detected: Value '[")
    assert refusal.message.endswith(
        "]' at 'transactItems' failed to satisfy constraint: "
        "Member must have length less than or equal to 100"
    )
    assert None not in stored("0", "99")


def test_empty_transaction_is_refused(transact):
    with invalid() as refusal:
        transact()

    assert refusal.message.endswith(
        "at 'transactItems' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    )


def test_unknown_table_is_not_found(transact, actions, unique_name, stored):
    unknown = {"Put": {"TableName": unique_name("unknown"), "Item": {"pk": {"S": "a"}}}}

    with missing():
        transact(actions.put("a"), unknown)

    assert stored("a") == [None]


def test_table_is_found_by_its_arn(dynamodb, simple, transact, actions, stored):
    arn = dynamodb.describe_table(TableName=simple)["Table"]["TableArn"]

    transact({"Put": {"TableName": arn, "Item": actions.key("a")}})

    assert stored("a") == [actions.key("a")]


def test_tables_are_written_together(dynamodb, simple, composite, transact, actions, key):
    other = {"pk": {"S": key}, "sk": {"S": "a"}}

    transact(actions.put("a"), {"Put": {"TableName": composite, "Item": other}})

    assert "Item" in dynamodb.get_item(TableName=composite, Key=other, ConsistentRead=True)


@pytest.mark.parametrize("kind", ["empty", "two kinds"])
def test_action_without_meaning_is_refused(transact, actions, kind):
    action = {} if kind == "empty" else actions.put("a") | actions.delete("b")

    with invalid():
        transact(action)


def test_update_needs_an_expression(transact, simple, actions):
    with invalid() as refusal:
        transact({"Update": {"TableName": simple, "Key": actions.key("a")}})

    assert "updateExpression' failed to satisfy constraint: Member must not be null" in (
        refusal.message
    )


def test_check_needs_a_condition(transact, simple, actions):
    with invalid() as refusal:
        transact({"ConditionCheck": {"TableName": simple, "Key": actions.key("a")}})

    assert "conditionExpression' failed to satisfy constraint: Member must not be null" in (
        refusal.message
    )


@pytest.mark.parametrize(
    "options",
    [
        {"ConditionExpression": "a ="},
        {"ConditionExpression": "a = :v"},
        {"ConditionExpression": "name = a"},
    ],
    ids=lambda options: options["ConditionExpression"],
)
def test_expression_that_cannot_be_read_is_refused(transact, actions, stored, options):
    # Which of the two errors comes is not the same for every fault.
    with pytest.raises(Exception, match=r"ValidationException|TransactionCanceledException"):
        transact(actions.put("a"), actions.put("b", **options))

    assert stored("a") == [None]


def test_repeated_token_has_no_second_effect(transact, actions, stored, unique_name):
    token = unique_name("t")[-36:]

    for _ in range(3):
        transact(actions.add("a", "1"), ClientRequestToken=token)

    assert stored("a")[0]["n"] == {"N": "1"}


def test_token_of_another_request_is_a_mismatch(transact, actions, stored, unique_name):
    token = unique_name("t")[-36:]
    transact(actions.add("a", "1"), ClientRequestToken=token)

    with refused("IdempotentParameterMismatchException"):
        transact(actions.add("a", "2"), ClientRequestToken=token)

    assert stored("a")[0]["n"] == {"N": "1"}


def test_token_of_a_failed_transaction_is_free(transact, actions, stored, unique_name):
    token = unique_name("t")[-36:]
    action = actions.add("a", "1", ConditionExpression="attribute_exists(pk)")
    with refused("TransactionCanceledException"):
        transact(action, ClientRequestToken=token)
    transact(actions.put("a"))

    transact(action, ClientRequestToken=token)

    assert stored("a")[0]["n"] == {"N": "1"}


@pytest.mark.parametrize("token", ["", "t" * 37])
def test_token_has_limits(transact, actions, token):
    with invalid():
        transact(actions.put("a"), ClientRequestToken=token)


def test_more_than_4_megabytes_are_refused(transact, actions):
    fill = {"fill": {"S": "x" * 400_000}}

    with invalid():
        transact(*(actions.put(str(number), attributes=fill) for number in range(11)))
