"""Confirming records of a batch."""

from __future__ import annotations

import pytest

from headwater.consumer.batch import Batch, Progress
from headwater.consumer.record import Record, record_of


def record(number: int) -> Record:
    change = {
        "Keys": {"pk": {"S": "a"}},
        "NewImage": {"pk": {"S": "a"}, "n": {"N": "1.5"}},
        "SequenceNumber": str(number),
        "ApproximateCreationDateTime": 5,
    }
    raw = {"eventID": "id", "eventName": "INSERT", "dynamodb": change}
    return record_of(raw, deserializes=True)


async def store() -> None:
    """Nothing is stored here."""


def batch_of(progress: Progress, *numbers: int) -> Batch:
    return Batch("shard", [record(number) for number in numbers], 1, progress, store)


def test_batch_is_a_sequence_of_its_records() -> None:
    batch = batch_of(Progress(), 3, 5)

    assert [each.sequence_number for each in batch] == [3, 5]
    assert (len(batch), batch[-1].sequence_number, len(batch[:1])) == (2, 5, 1)


def test_confirmed_is_all_or_up_to_a_record_and_never_moves_back() -> None:
    progress = Progress()
    batch = batch_of(progress, 3, 5, 8)

    batch.confirm(batch[1])
    assert progress.confirmed == 5
    batch.confirm(batch[0])
    assert progress.confirmed == 5
    batch.confirm()
    assert progress.confirmed == 8


@pytest.mark.parametrize("number", [2, 9])
def test_record_of_another_batch_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="not of this batch"):
        batch_of(Progress(), 3, 8).confirm(record(number))


def test_images_are_python_values_where_asked_for() -> None:
    found = record(3)

    assert found.new_image == {"pk": "a", "n": pytest.approx(1.5)}
    assert found.old_image is None
    assert found.raw["dynamodb"]["NewImage"]["n"] == {"N": "1.5"}
    assert not found.is_by_service
