import pytest

from headwater.arn import parse_stream, parse_table

NO_TABLE_NAMES = ["x", "a b", "no\x00name", "é" * 3, "t" * 256, "two:parts", "line\n"]


def test_table_arn_names_its_place_and_its_table():
    parsed = parse_table("arn:aws:dynamodb:eu-west-1:123456789012:table/Orders_2.x-y")

    assert parsed is not None
    assert (parsed.region, parsed.account) == ("eu-west-1", "123456789012")
    assert parsed.table == "Orders_2.x-y"


@pytest.mark.parametrize("name", NO_TABLE_NAMES)
def test_table_arn_with_what_no_table_can_be_called_is_none(name):
    parsed = parse_table(f"arn:aws:dynamodb:eu-west-1:123456789012:table/{name}")

    assert parsed is None


@pytest.mark.parametrize("name", NO_TABLE_NAMES)
def test_stream_arn_with_what_no_table_can_be_called_is_none(name):
    label = "2026-11-23T07:00:00.000"

    parsed = parse_stream(f"arn:aws:dynamodb:eu-west-1:123456789012:table/{name}/stream/{label}")

    assert parsed is None
