"""A limit held by real processes, with a witness that is not ours.

As many files as may be under way: whoever has begun must find one that nobody has locked.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from headwater.storage.board import Board, new_board

PROCESSES = 3
MOST = 2
ROUNDS = 300

MEMBER = """
import asyncio, fcntl, os, sys
from headwater.storage.board import Board

descriptor, place, places, most, rounds, folder = sys.argv[1:]
tally = Board(int(descriptor), int(places), int(place)).tally
files = [os.open(f"{folder}/{number}", os.O_RDWR | os.O_CREAT) for number in range(int(most))]

def witnessed():
    for file in files:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return file
    sys.exit("more are under way than may be")

async def main():
    refused = 0
    for _ in range(int(rounds)):
        while (end := await tally.begin("function", int(most))) is None:
            refused += 1
            os.sched_yield()
        file = witnessed()
        os.sched_yield()
        fcntl.flock(file, fcntl.LOCK_UN)
        end()
    print(refused)

asyncio.run(main())
"""


def test_processes_together_never_pass_the_limit_and_all_come_to_their_turns(
    tmp_path: Path,
) -> None:
    board = new_board(PROCESSES)
    rest = (str(PROCESSES), str(MOST), str(ROUNDS), str(tmp_path))
    members = [
        subprocess.Popen(
            [sys.executable, "-c", MEMBER, str(board), str(place), *rest],
            pass_fds=[board],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for place in range(PROCESSES)
    ]
    os.close(board)

    told = [member.communicate() for member in members]

    assert [errors for _, errors in told] == [""] * PROCESSES
    assert [member.returncode for member in members] == [0] * PROCESSES


HOLDER = """
import fcntl, sys

fcntl.lockf(int(sys.argv[1]), fcntl.LOCK_EX)
print("counting", flush=True)
sys.stdin.read()
"""


def test_one_that_stands_still_while_it_counts_holds_up_others_until_it_is_killed() -> None:
    descriptor = new_board(PROCESSES)
    tally = Board(descriptor, PROCESSES, 0).tally

    async def main(holder: subprocess.Popen[str]) -> None:
        beginning = asyncio.create_task(tally.begin("function", 1))
        for _ in range(1000):
            await asyncio.sleep(0)  # others go on meanwhile
        assert not beginning.done()

        holder.kill()

        assert await beginning is not None

    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(descriptor)],
        pass_fds=[descriptor],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "counting\n"
        asyncio.run(main(holder))
    os.close(descriptor)
