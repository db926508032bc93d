import pytest

from headwater.api import function_form as form
from headwater.errors import InvalidParameterValueException


def test_zip_is_decoded():
    assert form.code_of({"ZipFile": "UEsF"}) == b"PK\x05"


@pytest.mark.parametrize(
    "other",
    [
        {"S3Bucket": "bucket", "S3Key": "key"},
        {"ImageUri": "000000000000.dkr.ecr.us-east-1.amazonaws.com/image"},
        {"SourceKMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k"},
    ],
)
def test_zip_beside_other_code_is_refused(other):
    with pytest.raises(InvalidParameterValueException, match="other FunctionCode parameters"):
        form.code_of({"ZipFile": "UEsF", **other})


def test_code_that_is_no_zip_is_refused():
    with pytest.raises(InvalidParameterValueException, match="Only code given as ZipFile"):
        form.code_of({"S3Bucket": "bucket", "S3Key": "key"})
