"""Tokens of pages of exports and imports."""

import re

import pytest

from headwater.api import job_pages
from headwater.errors import ValidationException
from headwater.storage import keyspace

SPAN = keyspace.jobs_span(b"i", "us-east-1", "music")
KEY = keyspace.job(b"i", "us-east-1", "music", "01700000000000-0a1b2c3d")


@pytest.mark.parametrize("name", ["abc", "x" * 255])
def test_a_token_has_the_form_that_the_model_asks_for(name):
    key = keyspace.job(b"i", "us-east-1", name, "01700000000000-0a1b2c3d")

    token = job_pages.token_of(key)

    assert re.fullmatch("([0-9a-f]{16})+", token)
    assert 112 <= len(token) <= 1024
    assert job_pages.key_of(token, keyspace.jobs_span(b"i", "us-east-1")) == key


@pytest.mark.parametrize(
    "token",
    [
        "",
        "0",
        "zz",
        job_pages.token_of(KEY)[:-16],
        job_pages.token_of(KEY) + "00" * 8,
        job_pages.token_of(keyspace.job(b"e", "us-east-1", "music", "x")),
        job_pages.token_of(keyspace.job(b"i", "eu-west-1", "music", "x")),
        job_pages.token_of(keyspace.job(b"i", "us-east-1", "other", "x")),
    ],
)
def test_a_token_of_another_list_is_refused(token):
    with pytest.raises(ValidationException, match="Invalid NextToken"):
        job_pages.key_of(token, SPAN)


def test_the_first_page_has_no_token():
    assert job_pages.key_of(None, SPAN) is None


def test_an_arn_names_a_job_of_its_kind_region_and_account_alone():
    place = ("us-east-1", "000000000000")
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/music/export/01700000000000-0a1b2c3d"

    assert job_pages.job_named(arn, "export", place) == ("music", "01700000000000-0a1b2c3d")
    assert job_pages.job_named(arn, "import", place) is None
    assert job_pages.job_named(arn, "export", ("eu-west-1", "000000000000")) is None
    assert job_pages.job_named(arn, "export", ("us-east-1", "111111111111")) is None
    assert job_pages.job_named(arn[:-1], "export", place) is None
