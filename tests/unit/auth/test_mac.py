from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.auth.mac import Mac


@given(st.binary(max_size=64), st.lists(st.binary(max_size=200), min_size=1, max_size=3))
def test_code_is_that_of_the_standard_library(key: bytes, messages: list[bytes]) -> None:
    mac = Mac(key)

    for message in messages:
        assert mac.hexdigest(message) == hmac.digest(key, message, "sha256").hex()


def test_key_longer_than_a_block_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError):
        Mac(b"x" * 65)
