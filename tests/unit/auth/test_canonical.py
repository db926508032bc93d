"""A request's signed form: paths, queries and header values."""

import pytest

from headwater.auth.canonical import SignedHeaders, canonical_path, canonical_query


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("/", "/"),
        ("", "/"),
        ("//", "/"),
        ("/a/b/", "/a/b/"),
        ("/a/./b", "/a/b"),
        ("/a/b/../c", "/a/c"),
        ("/../a", "/a"),
        ("/a//b", "/a/b"),
        ("/functions/arn%3Aaws%3Alambda", "/functions/arn%253Aaws%253Alambda"),
        ("/a:b", "/a%3Ab"),
        ("/~a-b_c.d", "/~a-b_c.d"),
    ],
)
def test_path_is_normalised_and_encoded_once_more(path, canonical):
    assert canonical_path(path) == canonical


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("", ""),
        ("b=2&a=1", "a=1&b=2"),
        ("a=2&a=1", "a=1&a=2"),
        ("flag", "flag="),
        ("a=x/y", "a=x%2Fy"),
        ("a=%7e", "a=~"),
        ("a=%2f", "a=%2F"),
        ("a=1=2", "a=1%3D2"),
        ("&a=1&&", "a=1"),
    ],
)
def test_query_is_encoded_in_one_way_and_sorted(query, canonical):
    assert canonical_query(query) == canonical


def test_headers_are_taken_in_the_order_they_are_listed():
    signed = SignedHeaders("host;x-amz-date")

    block = signed.block({"x-amz-date": "d", "host": "h", "other": "o"})

    assert block == "host:h\nx-amz-date:d\n\nhost;x-amz-date\n"


def test_runs_of_blanks_in_a_header_are_folded():
    assert SignedHeaders("a").block({"a": "x  y\t z"}) == "a:x y z\n\na\n"


def test_folding_leaves_letters_whole_whose_bytes_look_like_blanks():
    value = "à".encode().decode("latin-1")

    assert SignedHeaders("a").block({"a": f"x  {value}"}) == f"a:x {value}\n\na\n"


def test_percent_signs_stand_for_themselves():
    signed = SignedHeaders("a%sb")

    assert signed.block({"a%sb": "100%s"}) == "a%sb:100%s\n\na%sb\n"


def test_missing_signed_header_is_told():
    with pytest.raises(KeyError):
        SignedHeaders("host;a").block({"host": "h"})
