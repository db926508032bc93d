import pytest

from headwater.api import function_form as form
from headwater.errors import InvalidParameterValueException
from headwater.storage.objects import Place


def test_zip_is_decoded():
    assert form.code_of({"ZipFile": "UEsF"}) == b"PK\x05"


@pytest.mark.parametrize(
    "other",
    [
        {"S3Bucket": "bucket", "S3Key": "key"},
        {"S3Key": "key"},
    ],
)
def test_zip_beside_other_code_is_refused(other):
    with pytest.raises(InvalidParameterValueException, match="other FunctionCode parameters"):
        form.code_of({"ZipFile": "UEsF", **other})


@pytest.mark.parametrize("code", [{}, {"S3Bucket": "bucket"}, {"S3Key": "key"}])
def test_code_that_is_nowhere_is_refused(code):
    with pytest.raises(InvalidParameterValueException, match="provide a source"):
        form.code_of(code)


def test_code_in_a_bucket_is_a_place():
    assert form.code_of({"S3Bucket": "bucket", "S3Key": "key"}) == Place("bucket", "key")


def test_image_is_refused_by_name():
    with pytest.raises(InvalidParameterValueException, match="Container images"):
        form.code_of({"ImageUri": "000000000000.dkr.ecr.us-east-1.amazonaws.com/image"})
