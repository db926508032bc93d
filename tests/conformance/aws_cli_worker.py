"""A process that runs commands of the AWS CLI one after the other, by the CLI's own entry point.

Each line of its input is JSON of a command's words and environment, each line of its output JSON of
what became of it: [exit code, standard output, standard error]. Every command gets a driver of its
own, as `aws` makes it; what is saved is to import the CLI anew.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout

from awscli.clidriver import create_clidriver

_DATA = "AWS_DATA_PATH"  # set by the import of the CLI, which finds its own files by it


def run(words: Sequence[str]) -> tuple[int, str, str]:
    out, err = io.BytesIO(), io.BytesIO()
    with (
        redirect_stdout(io.TextIOWrapper(out, "utf-8", write_through=True)),
        redirect_stderr(io.TextIOWrapper(err, "utf-8", write_through=True)),
    ):
        try:
            code = create_clidriver().main(list(words))
        except SystemExit as ended:
            code = ended.code
        texts = out.getvalue().decode(), err.getvalue().decode()
    return int(code or 0), *texts


def main() -> None:
    data_path = os.environ[_DATA]
    for line in sys.stdin:
        words, environment = json.loads(line)
        os.environ.clear()
        os.environ.update(environment | {_DATA: data_path})
        sys.stdout.write(json.dumps(run(words)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
