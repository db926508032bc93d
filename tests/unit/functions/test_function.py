"""Functions as stored bytes, and as clients see them."""

from __future__ import annotations

from headwater.functions.function import Configuration, Function, decode, encode

FUNCTION = Function(
    name="f",
    arn="arn:aws:lambda:eu-west-1:000000000000:function:f",
    region="eu-west-1",
    configuration=Configuration(
        runtime="python3.11",
        handler="app.handler",
        role="arn:aws:iam::000000000000:role/r",
        environment={"A": "grün"},
    ),
    code_sha256="AAAA",
    code_size=10,
    last_modified=1569349719.526,
    revision_id="one",
    tags={"team": "x"},
)


def test_decoding_gives_what_was_encoded() -> None:
    assert decode(encode(FUNCTION)) == FUNCTION


def test_stored_form_is_pinned() -> None:
    assert (
        encode(FUNCTION)
        == (
            '{"arn":"arn:aws:lambda:eu-west-1:000000000000:function:f","code_sha256":"AAAA",'
            '"code_size":10,"configuration":{"application_log_level":"","architectures":["x86_64"],"dead_letter":null,"description":"",'
            '"environment":{"A":"grün"},"ephemeral_mb":512,"handler":"app.handler",'
            '"layers":[],"log_format":"Text","log_group":null,"memory_mb":128,'
            '"role":"arn:aws:iam::000000000000:role/r","runtime":"python3.11","system_log_level":"","timeout_seconds":3},'
            '"last_modified":1569349719.526,"last_update_status":"Successful","name":"f",'
            '"package_type":"Zip","region":"eu-west-1","revision_id":"one",'
            '"shared":{"aliases":{},"async_settings":{},"changes":0,"policies":{},"reserved":null,'
            '"versions_count":0},"state":"Active","tags":{"team":"x"},"unpacked_bytes":0,"v":1,"version":"$LATEST"}'
        ).encode()
    )


def test_form_stored_by_earlier_versions_is_read() -> None:
    earlier = encode(FUNCTION).replace(b'"application_log_level":"",', b"")
    earlier = earlier.replace(b'"system_log_level":"",', b"")

    assert decode(earlier) == FUNCTION


def test_last_modified_is_written_as_lambda_does() -> None:
    assert FUNCTION.last_modified_text == "2019-09-24T18:28:39.526+0000"


def test_log_group_is_lambdas_by_default() -> None:
    assert FUNCTION.log_group == "/aws/lambda/f"
