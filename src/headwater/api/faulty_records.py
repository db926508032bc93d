"""Faults of the operations on data streams' records: some of those to be put are not."""

from __future__ import annotations

from typing import Any, Final

import orjson

from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.errors import ProvisionedThroughputExceededException
from headwater.lab.faults import Struck

RATE_EXCEEDED: Final = "Rate exceeded for shard."
_FAILED: Final = {
    "ErrorCode": ProvisionedThroughputExceededException.__name__,
    "ErrorMessage": RATE_EXCEEDED,
}


async def partly_put(handler: Handler, call: Call, struck: Struck) -> Reply:
    """Have a call of PutRecords answered without having put some of its records."""
    records = call.input["Records"]
    failed = [struck.fraction(index) < struck.fault.share for index in range(len(records))]
    kept = [record for record, is_failed in zip(records, failed, strict=True) if not is_failed]
    if not kept:
        return Reply.json({"FailedRecordCount": len(records), "Records": [_FAILED] * len(records)})
    reply = await handler(call._replace(input={**call.input, "Records": kept}))
    answer: dict[str, Any] = orjson.loads(reply.body)
    put = iter(answer["Records"])
    answer["Records"] = [_FAILED if is_failed else next(put) for is_failed in failed]
    answer["FailedRecordCount"] += sum(failed)
    return Reply.json(answer, reply.status, reply.headers)
