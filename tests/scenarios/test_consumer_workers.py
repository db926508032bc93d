"""Two processes that share a stream by `headwater.consumer`, through a split and a kill -9."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.scenarios.told import Talker

PROGRAM = Path(__file__).with_name("consumer_worker.py")
APPLICATION = "mailer"


def test_every_record_is_handled_in_order_through_a_split_and_a_death(scene, tmp_path):
    told = scene.told
    environment = os.environ | {
        "AWS_ENDPOINT_URL": scene.endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
    }

    def start(name: str) -> Talker:
        command: list[str | Path] = [sys.executable, PROGRAM, "music", APPLICATION, name]
        return Talker(name, command, told, tmp_path / f"{name}.errors", environment)

    scene.write()
    with start("a") as first, start("b") as second:
        for name in "ab":
            scene.until(f"a lease for {name}", lambda name=name: told.words("begin", name))
        scene.until_all_is_read("what was written first")

        shard = next(iter(scene.owners(APPLICATION)))
        children = scene.source.split(shard)
        scene.write()
        scene.until("the parent's end", lambda: [shard] in told.words("end"))
        first.kill()
        scene.write()
        scene.until_all_is_read("what was written after a worker's death")

        shards = set(scene.owners(APPLICATION))
        assert second.stop() == 0, (tmp_path / "b.errors").read_text()

    scene.check_order()
    assert all([child] in told.words("begin") for child in children)
    assert {shard for (shard,) in told.words("released", "b")} >= shards
    assert scene.owners(APPLICATION) == {}
