"""What a policy says of a request: principals, actions, resources, and which effect wins."""

import json

import pytest

from headwater.auth.policy import Access, Decision, InvalidPolicy, Principal, parse

ACCOUNT = "123456789012"
TABLE = f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/Music"
ANN = Principal(ACCOUNT, "ann")
GET = Access("dynamodb:GetItem", TABLE)


def nothing(_key):
    return None


def statement(**members):
    return {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*", **members}


def without(name, **members):
    return {key: value for key, value in statement(**members).items() if key != name}


def decide(*statements, principal=ANN, access=GET, context=nothing):
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    return parse(document, has_principals=True).decide(principal, access, context)


@pytest.mark.parametrize(
    ("principal", "applies"),
    [
        ("*", True),
        ({"AWS": "*"}, True),
        ({"AWS": ANN.arn}, True),
        ({"AWS": ["arn:aws:iam::999999999999:user/bob", ANN.arn]}, True),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:user/bob"}, False),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:user/an"}, False),
        ({"AWS": ACCOUNT}, True),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, True),
        ({"AWS": "999999999999"}, False),
        ({"Service": "lambda.amazonaws.com"}, False),
    ],
)
def test_a_statement_is_for_its_principals_alone(principal, applies):
    found = decide(statement(Principal=principal))

    assert found is (Decision.DENY if applies else Decision.OPEN)


def test_a_statement_can_be_for_all_but_some():
    others = without("Principal", NotPrincipal={"AWS": ANN.arn})

    assert decide(others) is Decision.OPEN
    assert decide(others, principal=Principal(ACCOUNT, "bob")) is Decision.DENY


@pytest.mark.parametrize(
    ("actions", "applies"),
    [
        ("dynamodb:GetItem", True),
        ("DynamoDB:getitem", True),
        ("dynamodb:Get*", True),
        ("dynamodb:?etItem", True),
        ("*", True),
        (["dynamodb:PutItem", "dynamodb:GetItem"], True),
        ("dynamodb:GetItems", False),
        ("dynamodb:Put*", False),
    ],
)
def test_actions_match_by_wildcards_in_any_case(actions, applies):
    found = decide(statement(Action=actions))

    assert found is (Decision.DENY if applies else Decision.OPEN)


def test_all_actions_but_some_can_be_meant():
    found = without("Action", NotAction="dynamodb:Get*")

    assert decide(found) is Decision.OPEN
    assert decide(found, access=Access("dynamodb:PutItem", TABLE)) is Decision.DENY


@pytest.mark.parametrize(
    ("resource", "applies"),
    [(TABLE, True), (f"{TABLE}*", True), (f"{TABLE}/index/*", False), (TABLE.lower(), False)],
)
def test_resources_match_by_wildcards_as_they_are_written(resource, applies):
    found = decide(statement(Resource=resource))

    assert found is (Decision.DENY if applies else Decision.OPEN)


def test_all_resources_but_some_can_be_meant():
    assert decide(without("Resource", NotResource=TABLE)) is Decision.OPEN
    assert decide(without("Resource", NotResource=f"{TABLE}/*")) is Decision.DENY


@pytest.mark.parametrize("order", [1, -1])
def test_a_denial_outweighs_permission_in_any_order(order):
    statements = [statement(), statement(Effect="Allow")][::order]

    assert decide(*statements) is Decision.DENY


def test_what_no_statement_speaks_of_is_open():
    assert decide(statement(Effect="Allow", Action="dynamodb:PutItem")) is Decision.OPEN
    assert decide(statement(Effect="Allow")) is Decision.ALLOW


def test_variables_stand_for_what_is_known_of_the_request():
    own = statement(Resource="arn:aws:dynamodb:*:*:table/${aws:username}-*")
    access = Access("dynamodb:GetItem", "arn:aws:dynamodb:eu-west-1:1:table/ann-notes")

    def context(key):
        return ("ann",) if key == "aws:username" else None

    assert decide(own, access=access, context=context) is Decision.DENY
    assert decide(own, access=access) is Decision.OPEN


def test_a_variable_s_value_is_no_pattern():
    found = statement(Resource="arn:${aws:username}")

    def context(_key):
        return ("*",)

    access = Access("dynamodb:GetItem", "arn:anything")
    assert decide(found, access=access, context=context) is Decision.OPEN


@pytest.mark.parametrize(
    "document",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"Statement": []}',
        '{"Statement": "all"}',
        '{"Statement": [1]}',
        json.dumps({"Version": "2020-01-01", "Statement": statement()}),
        json.dumps({"Statement": statement(), "More": 1}),
        *(
            json.dumps({"Statement": broken})
            for broken in (
                statement(Effect="deny"),
                statement(More=1),
                statement(NotAction="*"),
                statement(NotResource="*"),
                statement(NotPrincipal="*"),
                without("Action"),
                without("Resource"),
                without("Principal"),
                without("Effect"),
                statement(Action=[]),
                statement(Action=[1]),
                statement(Resource=""),
                statement(Principal={}),
                statement(Principal="ann"),
                statement(Principal={"AWS": "ann"}),
                statement(Principal={"Users": "*"}),
                statement(Condition=[]),
                statement(Condition={"StringIs": {"aws:username": "ann"}}),
                statement(Condition={"StringEquals": "ann"}),
                statement(Condition={"StringEquals": {"aws:username": []}}),
                statement(Condition={"StringEquals": {"aws:username": {}}}),
                statement(Condition={"IpAddress": {"aws:SourceIp": "here"}}),
                statement(Condition={"NumericLessThan": {"aws:EpochTime": "soon"}}),
                statement(Condition={"DateLessThan": {"aws:CurrentTime": "soon"}}),
            )
        ),
    ],
)
def test_a_malformed_policy_is_refused(document):
    with pytest.raises(InvalidPolicy):
        parse(document, has_principals=True)


def test_an_access_key_s_policy_names_no_principal():
    with pytest.raises(InvalidPolicy):
        parse(json.dumps({"Statement": statement()}), has_principals=False)

    policy = parse(json.dumps({"Statement": without("Principal")}), has_principals=False)

    assert policy.decide(ANN, GET, nothing) is Decision.DENY


def test_unknown_actions_are_found():
    document = json.dumps({"Statement": statement(Action=["a:Get", "a:P*", "b:*", "*"])})

    policy = parse(document, has_principals=True)

    assert policy.unknown_actions(["a:Get", "a:Put"]) == ["b:*"]


def test_the_account_s_own_user_is_its_root():
    assert Principal(ACCOUNT, "root").arn == f"arn:aws:iam::{ACCOUNT}:root"
    assert ANN.arn == f"arn:aws:iam::{ACCOUNT}:user/ann"
