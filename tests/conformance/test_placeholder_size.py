"""How large the names and values of a request's expressions may be together."""

from tests.conformance.expectation import invalid, refused


def test_placeholders_may_have_2_megabytes_together(dynamodb, simple, key):
    def condition(expression, values, names):
        dynamodb.delete_item(
            TableName=simple,
            Key={"pk": {"S": key}},
            ConditionExpression=expression,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )

    names = {f"#n{number:02}": f"{number:02}" + "n" * 59_998 for number in range(17)}
    values = {f":v{number:02}": {"S": "v" * 60_000} for number in range(17)}
    clauses = [f"{name} = {value}" for name, value in zip(names, values, strict=True)]
    expression = " OR ".join(clauses)
    size = sum(len(name) + 60_000 for name in (*names, *values))
    room = 2 * 1024 * 1024 - size
    last = "x" * (room - len(":last") - len("#last") - 1)

    with refused("ConditionalCheckFailedException"):
        condition(
            f"{expression} OR #last = :last",
            {**values, ":last": {"S": last}},
            {**names, "#last": "l"},
        )
    with invalid(
        "ExpressionAttributeNames and ExpressionAttributeValues exceed the maximum allowed size; "
        f"size: {2 * 1024 * 1024 + 1}"
    ):
        condition(
            f"{expression} OR #last = :last",
            {**values, ":last": {"S": last + "x"}},
            {**names, "#last": "l"},
        )
