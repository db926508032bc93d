"""Write constraints.txt anew: the newest versions that fit together, of everything we install.

Installs the package with all extras of development into a throw-away environment by whatever
registry pip is configured with, and notes what arrived. Only names and versions are written.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = "check,test"
BUILD = ("hatchling", "editables")
OURS_OR_INSTALLER = {"headwater", "pip", "setuptools", "wheel"}
HEADER = """\
# Every version that an installation may use, for Python 3.11 and newer: names and versions only.
# The Makefile passes this file to the installer; `make pin` writes it anew.
"""


def normal_name(name: str) -> str:
    """The one spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed_versions(python: Path) -> dict[str, str]:
    listing = subprocess.run(
        [python, "-m", "pip", "list", "--format", "json"], check=True, capture_output=True
    )
    return {normal_name(entry["name"]): entry["version"] for entry in json.loads(listing.stdout)}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = Path(folder, "bin", "python")
        install = [str(python), "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, *BUILD, "-e", f"{ROOT}[{EXTRAS}]"], check=True)
        versions = installed_versions(python)
    pins = [
        f"{name}=={version}\n"
        for name, version in sorted(versions.items())
        if name not in OURS_OR_INSTALLER
    ]
    (ROOT / "constraints.txt").write_text(HEADER + "".join(pins), encoding="utf-8")
    print(f"constraints.txt: {len(pins)} versions")


if __name__ == "__main__":
    main()
