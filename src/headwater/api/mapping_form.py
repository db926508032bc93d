"""Event source mappings on the wire: the manner a request asks for, and a mapping as it is shown.

Parameters of other sources, and one of AWS's own, are refused by name; their neutral values, which
SDKs and infrastructure tools send along, are taken. Texts: AWS Lambda API Reference, and observed;
where AWS's text is not known ours is in its manner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from headwater.consumers.filter import InvalidPattern, RecordFilter
from headwater.errors import InvalidParameterValueException
from headwater.limits import filters_max
from headwater.mappings.mapping import EventSourceMapping, Manner, StartingPosition
from headwater.mappings.source import is_of_data_stream

_AGE_SECONDS_MIN: Final = 60
_UNLIMITED: Final = -1
_REPORTS: Final = "ReportBatchItemFailures"
_EVENT_COUNT: Final = "EventCount"
_SIMPLE: Final = {
    "Enabled": "is_enabled",
    "BatchSize": "batch_records_max",
    "MaximumBatchingWindowInSeconds": "window_seconds",
    "MaximumRetryAttempts": "retries_max",
    "MaximumRecordAgeInSeconds": "age_seconds_max",
    "ParallelizationFactor": "lanes",
    "BisectBatchOnFunctionError": "is_bisecting",
    "TumblingWindowInSeconds": "tumbling_seconds",
}
_SUPPORTED: Final = frozenset(_SIMPLE) | {
    "UUID",
    "EventSourceArn",
    "FunctionName",
    "StartingPosition",
    "FunctionResponseTypes",
    "FilterCriteria",
    "DestinationConfig",
    "MetricsConfig",
    "Tags",
}
_OURS_TO_REFUSE: Final = {
    "KMSKeyArn": "KMSKeyArn is not supported by Headwater: filter criteria are stored as they are"
}


def refuse_unsupported(asked: Mapping[str, Any], stream_arn: str) -> None:
    """Refuse what is of other sources than the stream, unless its value says nothing."""
    source = "DynamoDB"
    supported = _SUPPORTED
    if is_of_data_stream(stream_arn):
        source = "Kinesis"
        supported |= {"StartingPositionTimestamp"}
    for name, value in asked.items():
        if name not in supported and not _is_neutral(value):
            raise InvalidParameterValueException(
                _OURS_TO_REFUSE.get(name, f"{name} is not valid for {source} event sources.")
            )


def starting_at(asked: Mapping[str, Any], now: float) -> float | None:
    """The time to start at, in epoch seconds, where the position is one."""
    at: float | None = asked.get("StartingPositionTimestamp")
    is_needed = asked.get("StartingPosition") == StartingPosition.AT_TIMESTAMP
    if is_needed != (at is not None):
        raise InvalidParameterValueException(
            "StartingPositionTimestamp is required for StartingPosition AT_TIMESTAMP, "
            "and valid for no other."
        )
    if at is not None and at > now:
        raise InvalidParameterValueException("StartingPositionTimestamp must not be in the future.")
    return at


def starting_position(asked: Mapping[str, Any]) -> StartingPosition:
    position = asked.get("StartingPosition")
    if position is None:
        raise InvalidParameterValueException(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy "
            "constraint: Member must not be null."
        )
    is_at_time = position == StartingPosition.AT_TIMESTAMP
    if position not in StartingPosition.__members__ or (
        is_at_time and not is_of_data_stream(asked["EventSourceArn"])
    ):
        raise InvalidParameterValueException(
            f"Unsupported starting position for arn type: {asked['EventSourceArn']}"
        )
    return StartingPosition(position)


def manner_of(asked: Mapping[str, Any], before: Manner) -> Manner:
    """A manner with what is asked for changed."""
    manner = replace(before, **{_SIMPLE[name]: asked[name] for name in _SIMPLE if name in asked})
    if "FunctionResponseTypes" in asked:
        manner = replace(manner, reports_failures=_REPORTS in asked["FunctionResponseTypes"])
    if "FilterCriteria" in asked:
        manner = replace(manner, patterns=_patterns(asked["FilterCriteria"]))
    if "DestinationConfig" in asked:
        manner = replace(manner, failure_destination=_destination(asked["DestinationConfig"]))
    if "MetricsConfig" in asked:
        manner = replace(manner, metrics=_metrics(asked["MetricsConfig"]))
    _check(manner)
    return manner


def shape(mapping: EventSourceMapping) -> dict[str, Any]:
    """A mapping as Lambda shows it."""
    manner = mapping.manner
    destination = manner.failure_destination
    shown = {
        "UUID": mapping.uuid,
        "StartingPosition": mapping.starting_position,
        "BatchSize": manner.batch_records_max,
        "MaximumBatchingWindowInSeconds": manner.window_seconds,
        "ParallelizationFactor": manner.lanes,
        "EventSourceArn": mapping.stream_arn,
        "FunctionArn": mapping.function_arn,
        "LastModified": mapping.last_modified,
        "LastProcessingResult": mapping.last_result,
        "State": mapping.state,
        "StateTransitionReason": "User action",
        "DestinationConfig": {"OnFailure": {"Destination": destination} if destination else {}},
        "MaximumRecordAgeInSeconds": manner.age_seconds_max,
        "BisectBatchOnFunctionError": manner.is_bisecting,
        "MaximumRetryAttempts": manner.retries_max,
        "TumblingWindowInSeconds": manner.tumbling_seconds,
        "FunctionResponseTypes": [_REPORTS] if manner.reports_failures else [],
        "EventSourceMappingArn": mapping.arn,
    }
    if mapping.starting_at is not None:
        shown["StartingPositionTimestamp"] = mapping.starting_at
    if manner.patterns:
        filters = [{"Pattern": pattern} for pattern in manner.patterns]
        shown["FilterCriteria"] = {"Filters": filters}
    if manner.metrics:
        shown["MetricsConfig"] = {"Metrics": list(manner.metrics)}
    return shown


def _check(manner: Manner) -> None:
    age = manner.age_seconds_max
    if age != _UNLIMITED and age < _AGE_SECONDS_MIN:
        raise InvalidParameterValueException(
            f"MaximumRecordAgeInSeconds must be -1 or at least {_AGE_SECONDS_MIN}: {age}"
        )
    if manner.lanes > 1 and manner.tumbling_seconds:
        raise InvalidParameterValueException(
            "ParallelizationFactor must be 1 with TumblingWindowInSeconds, "
            "whose state is of a whole shard"
        )


def _patterns(criteria: Mapping[str, Any]) -> tuple[str, ...]:
    patterns = tuple(each.get("Pattern", "") for each in criteria.get("Filters", ()))
    if len(patterns) > filters_max:
        raise InvalidParameterValueException(
            f"FilterCriteria holds at most {filters_max} filters: {len(patterns)}"
        )
    if patterns:
        try:
            RecordFilter(patterns)
        except InvalidPattern as error:
            raise InvalidParameterValueException("Invalid filter pattern definition.") from error
    return patterns


def _destination(config: Mapping[str, Any]) -> str:
    if config.get("OnSuccess", {}).get("Destination"):
        raise InvalidParameterValueException(
            "DestinationConfig.OnSuccess is not valid for DynamoDB event sources."
        )
    destination: str = config.get("OnFailure", {}).get("Destination", "")
    return destination


def _metrics(config: Mapping[str, Any]) -> tuple[str, ...]:
    metrics = tuple(config.get("Metrics", ()))
    for metric in metrics:
        if metric != _EVENT_COUNT:
            raise InvalidParameterValueException(
                f"{metric} is not a valid metric for DynamoDB event sources."
            )
    return metrics


def _is_neutral(value: Any) -> bool:
    """Whether a value says nothing: it is empty through and through."""
    if isinstance(value, dict):
        return all(map(_is_neutral, value.values()))
    return value in ([], "")
