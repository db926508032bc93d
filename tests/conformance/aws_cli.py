"""The AWS CLI as a user runs it: a process per command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PROGRAM = Path(sys.executable).with_name("aws")
COMMAND_SECONDS_MAX = 60


def aws(*words: str | Path, **options: Any) -> Any:
    """Run a command and return what it prints, as JSON is read; None if it prints nothing.

    options: `table_name="t"` is `--table-name t`; True stands for an option without a value, and
        whatever is not text is given as JSON.
    Raises AssertionError with what the command says if it fails.
    """
    command = [str(PROGRAM), *map(str, words), "--output", "json"]
    for name, value in options.items():
        command.append("--" + name.replace("_", "-"))
        if value is not True:
            command.append(value if isinstance(value, str) else json.dumps(value))
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
        env=os.environ | {"AWS_PAGER": ""},
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
    return json.loads(done.stdout) if done.stdout.strip() else None
