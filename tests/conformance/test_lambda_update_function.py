"""UpdateFunctionCode and UpdateFunctionConfiguration."""

import pytest

from tests.conformance.expectation import refused
from tests.conformance.function_making import ECHO, WAIT_SECONDS, Functions, zipped

OLD = zipped(app="def handler(*_): return 'old'")
NEW = zipped(app="def handler(*_): return 'new'")
INVALID = "InvalidParameterValueException"
STALE = (
    "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias "
    "API to retrieve the latest Revision Id"
)


@pytest.fixture
def functions(aws_lambda, unique_name):
    made = Functions(aws_lambda, unique_name)
    yield made
    made.delete_all()


@pytest.fixture
def old(functions):
    """A function that returns `old`."""
    return functions.make(OLD, Description="kept", Timeout=7)


@pytest.fixture
def updated(aws_lambda):
    """Wait until an update has been carried out."""

    def wait(name):
        aws_lambda.get_waiter("function_updated_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": WAIT_SECONDS}
        )

    return wait


def test_invocation_after_an_update_runs_the_new_code(functions, aws_lambda, updated, old):
    name = old["FunctionName"]
    before = functions.invoke(name)

    aws_lambda.update_function_code(FunctionName=name, ZipFile=NEW)
    updated(name)

    assert (before.payload, functions.invoke(name).payload) == ("old", "new")


def test_update_of_code_changes_what_tells_of_code(aws_lambda, old):
    new = aws_lambda.update_function_code(FunctionName=old["FunctionName"], ZipFile=NEW)

    changed = {name for name in old if new[name] != old[name]} - {"ResponseMetadata"}
    assert changed >= {"CodeSha256", "RevisionId", "LastModified"}
    assert changed <= {
        "CodeSha256",
        "CodeSize",
        "RevisionId",
        "LastModified",
        "State",
        "StateReason",
        "StateReasonCode",
        "LastUpdateStatus",
    }


def test_update_of_configuration_changes_what_is_given(functions, aws_lambda, updated, old):
    name = old["FunctionName"]

    aws_lambda.update_function_configuration(
        FunctionName=name, MemorySize=256, Environment={"Variables": {"COLOUR": "blue"}}
    )
    updated(name)

    found = aws_lambda.get_function_configuration(FunctionName=name)
    assert (
        found.items()
        >= {
            "MemorySize": 256,
            "Environment": {"Variables": {"COLOUR": "blue"}},
            "Description": "kept",
            "Timeout": 7,
        }.items()
    )
    assert found["RevisionId"] != old["RevisionId"]


def test_invocation_after_an_update_has_the_new_environment(functions, aws_lambda, updated):
    code = zipped(app="import os\ndef handler(*_): return os.environ.get('COLOUR')")
    name = functions.make(code, Environment={"Variables": {"COLOUR": "red"}})["FunctionName"]
    before = functions.invoke(name)

    aws_lambda.update_function_configuration(FunctionName=name, Environment={"Variables": {}})
    updated(name)

    assert (before.payload, functions.invoke(name).payload) == ("red", None)


def test_invocation_after_an_update_has_the_new_handler(functions, aws_lambda, updated):
    code = zipped(app="def handler(*_): return 1\ndef other(*_): return 2")
    name = functions.make(code)["FunctionName"]

    aws_lambda.update_function_configuration(FunctionName=name, Handler="app.other")
    updated(name)

    assert functions.invoke(name).payload == 2


def test_dry_run_changes_nothing(functions, aws_lambda, old):
    name = old["FunctionName"]

    aws_lambda.update_function_code(FunctionName=name, ZipFile=NEW, DryRun=True)

    found = aws_lambda.get_function_configuration(FunctionName=name)
    assert (found["CodeSha256"], found["RevisionId"]) == (old["CodeSha256"], old["RevisionId"])
    assert functions.invoke(name).payload == "old"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ZipFile": b"no zip"}, INVALID),
        ({"ZipFile": NEW, "RevisionId": "stale"}, "PreconditionFailedException"),
    ],
)
def test_dry_run_is_refused_as_the_update_would_be(aws_lambda, old, change, code):
    with refused(code):
        aws_lambda.update_function_code(FunctionName=old["FunctionName"], DryRun=True, **change)


def test_update_of_a_stale_revision_is_refused(aws_lambda, old):
    name = old["FunctionName"]
    aws_lambda.update_function_configuration(FunctionName=name, Timeout=8)

    with refused("PreconditionFailedException", STALE) as refusal:
        aws_lambda.update_function_configuration(
            FunctionName=name, Timeout=9, RevisionId=old["RevisionId"]
        )
    with refused("PreconditionFailedException", STALE):
        aws_lambda.update_function_code(
            FunctionName=name, ZipFile=NEW, RevisionId=old["RevisionId"]
        )

    assert refusal.body["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert aws_lambda.get_function_configuration(FunctionName=name)["Timeout"] == 8


def test_update_of_the_present_revision_succeeds(aws_lambda, old):
    changed = aws_lambda.update_function_configuration(
        FunctionName=old["FunctionName"], Timeout=9, RevisionId=old["RevisionId"]
    )

    assert changed["Timeout"] == 9


def test_damaged_code_leaves_the_function_as_it_is(functions, aws_lambda, old):
    name = old["FunctionName"]

    with refused(
        INVALID, "Could not unzip uploaded file. Please check your file, then try to upload again."
    ):
        aws_lambda.update_function_code(FunctionName=name, ZipFile=b"no zip")

    assert functions.invoke(name).payload == "old"


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("Timeout", 0),
        ("MemorySize", 1),
        ("Runtime", "python9.9"),
        ("Description", "x" * 257),
        ("Environment", {"Variables": {"AWS_REGION": "x"}}),
    ],
)
def test_impossible_values_are_refused(aws_lambda, old, member, value):
    name = old["FunctionName"]

    with pytest.raises(aws_lambda.exceptions.ClientError) as caught:
        aws_lambda.update_function_configuration(FunctionName=name, **{member: value})

    assert caught.value.response["Error"]["Code"] in ("ValidationException", INVALID)
    found = aws_lambda.get_function_configuration(FunctionName=name)
    assert found["RevisionId"] == old["RevisionId"]


@pytest.mark.local_only
@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("TracingConfig", {"Mode": "Active"}),
        ("VpcConfig", {"SubnetIds": ["subnet-1"]}),
        ("SnapStart", {"ApplyOn": "PublishedVersions"}),
        ("KMSKeyArn", "arn:aws:kms:us-east-1:000000000000:key/k"),
        ("ImageConfig", {"Command": ["a"]}),
    ],
)
def test_what_is_not_supported_is_refused_by_name(aws_lambda, old, member, value):
    with refused(INVALID, f"{member} is not supported by Headwater."):
        aws_lambda.update_function_configuration(
            FunctionName=old["FunctionName"], **{member: value}
        )


@pytest.mark.local_only
@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("SourceKMSKeyArn", "arn:aws:kms:us-east-1:000000000000:key/k"),
    ],
)
def test_code_from_elsewhere_is_refused_by_name(aws_lambda, old, member, value):
    with refused(INVALID, f"{member} is not supported by Headwater."):
        aws_lambda.update_function_code(
            FunctionName=old["FunctionName"], ZipFile=NEW, **{member: value}
        )


@pytest.mark.local_only
def test_architecture_cannot_be_changed(aws_lambda, old):
    other = {"x86_64": "arm64", "arm64": "x86_64"}[old["Architectures"][0]]

    with refused(INVALID):
        aws_lambda.update_function_code(
            FunctionName=old["FunctionName"], ZipFile=zipped(app=ECHO), Architectures=[other]
        )
