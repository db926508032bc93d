"""CreateFunction, GetFunction, GetFunctionConfiguration, DeleteFunction."""

import base64
import hashlib
import re
from datetime import datetime

import pytest

from headwater.clock import SystemChance
from tests.conformance.expectation import refused
from tests.conformance.function_making import ECHO, ROLE, RUNTIME, Functions, zipped

ECHOING = zipped(app=ECHO)
INVALID = "InvalidParameterValueException"


@pytest.fixture
def functions(aws_lambda, unique_name):
    made = Functions(aws_lambda, unique_name)
    yield made
    made.delete_all()


@pytest.fixture
def request_of(unique_name):
    """What CreateFunction needs at the least, with changes; None leaves a member out."""

    def request(**changes):
        least = {
            "FunctionName": unique_name("function"),
            "Runtime": RUNTIME,
            "Role": ROLE,
            "Handler": "app.handler",
            "Code": {"ZipFile": ECHOING},
        }
        return {name: value for name, value in (least | changes).items() if value is not None}

    return request


def test_created_function_is_described(functions):
    created = functions.make(ECHOING)

    name, metadata = created["FunctionName"], created.pop("ResponseMetadata")
    assert metadata["HTTPStatusCode"] == 201
    assert re.fullmatch(rf"arn:aws:lambda:[\w-]+:\d{{12}}:function:{name}", created["FunctionArn"])
    assert re.fullmatch(r"[0-9a-f-]{36}", created["RevisionId"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", created["LastModified"])
    assert (
        created.items()
        >= {
            "Runtime": RUNTIME,
            "Role": ROLE,
            "Handler": "app.handler",
            "CodeSize": len(ECHOING),
            "CodeSha256": base64.b64encode(hashlib.sha256(ECHOING).digest()).decode(),
            "Description": "",
            "Timeout": 3,
            "MemorySize": 128,
            "Version": "$LATEST",
            "PackageType": "Zip",
            "TracingConfig": {"Mode": "PassThrough"},
            "EphemeralStorage": {"Size": 512},
            "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"},
        }.items()
    )
    assert "Environment" not in created


def test_given_members_are_kept(functions, aws_lambda):
    given = {
        "Description": "ünïcode",
        "Timeout": 900,
        "MemorySize": 10240,
        "Environment": {"Variables": {"AA": "1", "B_2": ""}},
        "EphemeralStorage": {"Size": 10240},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/my/group"},
    }

    created = functions.make(ECHOING, **given)

    found = aws_lambda.get_function(FunctionName=created["FunctionName"])["Configuration"]
    assert given.items() <= found.items()


def test_logging_can_be_json_with_levels(functions, aws_lambda):
    logging = {"LogFormat": "JSON", "SystemLogLevel": "DEBUG"}
    name = functions.make(ECHOING, LoggingConfig=logging)["FunctionName"]

    def change(**logging):
        return aws_lambda.update_function_configuration(FunctionName=name, LoggingConfig=logging)

    found = aws_lambda.get_function_configuration(FunctionName=name)
    group = {"LogGroup": f"/aws/lambda/{name}"}
    assert found["LoggingConfig"] == logging | {"ApplicationLogLevel": "INFO"} | group
    changed = change(ApplicationLogLevel="TRACE")
    assert changed["LoggingConfig"] == logging | {"ApplicationLogLevel": "TRACE"} | group
    assert change(LogFormat="Text")["LoggingConfig"] == {"LogFormat": "Text"} | group
    with refused(INVALID) as refusal:
        change(ApplicationLogLevel="WARN")
    assert 'LogLevel is not supported when LogFormat is set to "Text".' in refusal.message


def test_levels_of_the_log_are_known(functions):
    with refused("ValidationException") as refusal:
        functions.make(ECHOING, LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "LOW"})
    assert "applicationLogLevel" in refusal.message


def test_function_is_found_as_it_was_created(functions, aws_lambda):
    name = functions.make(ECHOING, Tags={"team": "a"})["FunctionName"]

    found = aws_lambda.get_function(FunctionName=name)
    configuration = aws_lambda.get_function_configuration(FunctionName=name)

    configuration.pop("ResponseMetadata")
    assert found["Configuration"] == configuration
    assert (configuration["State"], configuration["LastUpdateStatus"]) == ("Active", "Successful")
    assert found["Code"]["RepositoryType"] == "S3"
    assert found["Tags"] == {"team": "a"}


def test_last_modified_is_the_present(functions):
    first, second = functions.make(ECHOING), functions.make(ECHOING)

    moments = [datetime.fromisoformat(each["LastModified"]) for each in (first, second)]
    assert moments == sorted(moments)
    assert first["RevisionId"] != second["RevisionId"]


@pytest.mark.parametrize("form", ["arn", "partial", "account and name", "qualified", "latest"])
def test_function_has_several_names(functions, aws_lambda, form):
    created = functions.make(ECHOING)
    arn, name = created["FunctionArn"], created["FunctionName"]
    account = arn.split(":")[4]
    names = {
        "arn": arn,
        "partial": f"{account}:function:{name}",
        "account and name": f"function:{name}",
        "qualified": f"{arn}:$LATEST",
        "latest": f"{name}:$LATEST",
    }

    found = aws_lambda.get_function_configuration(FunctionName=names[form])

    assert found["FunctionName"] == name


def test_function_can_be_created_by_its_arn(functions, aws_lambda, unique_name):
    arn = functions.make(ECHOING)["FunctionArn"]
    name = unique_name("function")

    created = functions.make(ECHOING, FunctionName=f"{arn.rpartition(':')[0]}:{name}")

    assert created["FunctionName"] == name


def test_taken_name_is_refused(functions, aws_lambda, request_of):
    name = functions.make(ECHOING)["FunctionName"]

    with refused("ResourceConflictException", f"Function already exist: {name}") as refusal:
        aws_lambda.create_function(**request_of(FunctionName=name))

    assert refusal.body["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert refusal.body["Type"] == "User"


def test_deleted_function_is_gone(functions, aws_lambda):
    created = functions.make(ECHOING)
    name = created["FunctionName"]

    answer = aws_lambda.delete_function(FunctionName=name)

    assert answer["ResponseMetadata"]["HTTPStatusCode"] in (200, 204)
    with refused("ResourceNotFoundException", f"Function not found: {created['FunctionArn']}"):
        aws_lambda.get_function(FunctionName=name)


def test_deleted_name_can_be_taken_again(functions, aws_lambda):
    name = functions.make(ECHOING)["FunctionName"]
    assert functions.invoke(name, "old").payload == "old"
    aws_lambda.delete_function(FunctionName=name)

    functions.make(zipped(app="def handler(*_): return 'new'"), FunctionName=name)

    assert functions.invoke(name, "old").payload == "new"


@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("get_function", {}),
        ("get_function_configuration", {}),
        ("delete_function", {}),
        ("invoke", {}),
        ("update_function_code", {"ZipFile": ECHOING}),
        ("update_function_configuration", {"Timeout": 5}),
    ],
)
def test_absent_function_is_not_found(aws_lambda, functions, operation, more):
    arn = functions.make(ECHOING)["FunctionArn"].rpartition(":")[0] + ":absent"

    with refused("ResourceNotFoundException", f"Function not found: {arn}") as refusal:
        getattr(aws_lambda, operation)(FunctionName="absent", **more)

    assert refusal.body["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_absent_version_is_not_found(aws_lambda, functions):
    created = functions.make(ECHOING)

    with refused("ResourceNotFoundException", f"Function not found: {created['FunctionArn']}:7"):
        aws_lambda.get_function(FunctionName=created["FunctionName"], Qualifier="7")


@pytest.mark.parametrize("member", ["FunctionName", "Role", "Code"])
def test_members_are_required(aws_lambda, request_of, member):
    place = member[0].lower() + member[1:]
    text = (
        f"1 validation error detected: Value null at '{place}' failed to satisfy constraint: "
        "Member must not be null"
    )

    with refused("ValidationException", text):
        aws_lambda.create_function(**request_of(**{member: None}))


@pytest.mark.parametrize("member", ["Runtime", "Handler"])
def test_zip_needs_a_runtime_and_a_handler(aws_lambda, request_of, member):
    with refused(INVALID):
        aws_lambda.create_function(**request_of(**{member: None}))


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("FunctionName", "with blank"),
        ("FunctionName", "x" * 141),
        ("Role", "no-role"),
        ("Runtime", "python9.9"),
        ("Timeout", 0),
        ("Timeout", 901),
        ("MemorySize", 127),
        ("EphemeralStorage", {"Size": 511}),
        ("EphemeralStorage", {"Size": 10241}),
        ("Description", "x" * 257),
        ("Handler", "x" * 129),
        ("Handler", "two words"),
        ("Architectures", ["risc"]),
        ("PackageType", "Tar"),
        ("Environment", {"Variables": {"1A": "x"}}),
    ],
)
def test_impossible_values_are_refused(aws_lambda, request_of, member, value):
    with pytest.raises(aws_lambda.exceptions.ClientError) as caught:
        aws_lambda.create_function(**request_of(**{member: value}))

    error = caught.value.response
    assert error["Error"]["Code"] in ("ValidationException", INVALID)
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_SECRET_ACCESS_KEY", "LAMBDA_TASK_ROOT"])
def test_reserved_variables_are_refused(aws_lambda, request_of, name):
    text = (
        "Lambda was unable to configure your environment variables because the environment "
        "variables you have provided contains reserved keys that are currently not supported for "
        f"modification. Reserved keys used in this request: {name}"
    )

    with refused(INVALID, text):
        aws_lambda.create_function(**request_of(Environment={"Variables": {name: "x"}}))


def test_environment_has_a_size(functions, aws_lambda, request_of):
    fits = {"AA": "x" * (4096 - len('{"AA":""}'))}
    too_large = {"AA": fits["AA"] + "x"}

    functions.make(ECHOING, Environment={"Variables": fits})

    with refused(INVALID) as refusal:
        aws_lambda.create_function(**request_of(Environment={"Variables": too_large}))
    assert "exceeded the 4KB limit. String measured: {" in refusal.message


@pytest.mark.parametrize("code", [b"no zip", ECHOING[:-30], b"PK\x05\x06"])
def test_what_is_no_zip_is_refused(aws_lambda, request_of, code):
    text = "Could not unzip uploaded file. Please check your file, then try to upload again."

    with refused(INVALID, text):
        aws_lambda.create_function(**request_of(Code={"ZipFile": code}))


def test_empty_zip_is_refused(aws_lambda, request_of):
    with refused(INVALID, "Uploaded file must be a non-empty zip"):
        aws_lambda.create_function(**request_of(Code={"ZipFile": zipped()}))


def test_large_zip_is_taken(functions):
    ballast = SystemChance().token(15 * 1024 * 1024).hex()

    created = functions.make(zipped(app=ECHO, ballast=ballast))

    assert created["CodeSize"] > 30_000_000


def test_zip_beyond_50_megabytes_is_refused(aws_lambda, request_of):
    code = bytes(50 * 1024 * 1024 + 1)

    with refused("RequestTooLargeException") as refusal:
        aws_lambda.create_function(**request_of(Code={"ZipFile": code}))

    assert refusal.body["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_function_of_another_region_is_not_here(functions, endpoint, aws_lambda):
    arn = functions.make(ECHOING)["FunctionArn"]
    elsewhere = arn.replace(arn.split(":")[3], "eu-west-1")

    with pytest.raises(aws_lambda.exceptions.ClientError) as caught:
        aws_lambda.get_function(FunctionName=elsewhere)

    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 404)


@pytest.mark.local_only
@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("TracingConfig", {"Mode": "Active"}),
        ("VpcConfig", {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}),
        ("SnapStart", {"ApplyOn": "PublishedVersions"}),
        (
            "FileSystemConfigs",
            [
                {
                    "Arn": "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/"
                    "fsap-01234567890123456",
                    "LocalMountPath": "/mnt/a",
                }
            ],
        ),
        ("KMSKeyArn", "arn:aws:kms:us-east-1:000000000000:key/k"),
        ("ImageConfig", {"Command": ["a"]}),
        (
            "CodeSigningConfigArn",
            "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-01234567890123456",
        ),
    ],
)
def test_what_is_not_supported_is_refused_by_name(aws_lambda, request_of, member, value):
    with refused(INVALID, f"{member} is not supported by Headwater."):
        aws_lambda.create_function(**request_of(**{member: value}))


@pytest.mark.local_only
@pytest.mark.parametrize(
    "parameters",
    [
        {"PackageType": "Image"},
        {"Code": {"ImageUri": "000000000000.dkr.ecr.us-east-1.amazonaws.com/a:b"}},
    ],
)
def test_images_are_refused(aws_lambda, request_of, parameters):
    with pytest.raises(aws_lambda.exceptions.InvalidParameterValueException, match="mage"):
        aws_lambda.create_function(**request_of(**parameters))


@pytest.mark.parametrize(
    "code", [{}, {"S3Bucket": "bucket"}, {"S3Bucket": "no-such-bucket", "S3Key": "no-such-key"}]
)
def test_code_that_is_nowhere_is_refused(aws_lambda, request_of, code):
    with refused(INVALID):
        aws_lambda.create_function(**request_of(Code=code))


@pytest.mark.local_only
def test_zip_beside_another_place_of_code_is_refused(aws_lambda, request_of):
    code = {"ZipFile": ECHOING, "S3Bucket": "bucket", "S3Key": "key"}

    with refused(INVALID):
        aws_lambda.create_function(**request_of(Code=code))
