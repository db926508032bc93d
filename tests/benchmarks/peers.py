"""Installs the peers in a folder of their own: their needs are none of ours.

moto_server comes by pip in the versions of peers.txt, dynalite by npm; both by whatever registries
these are configured with. A second run finds them there.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".venv-peers"
PINS = Path(__file__).with_name("peers.txt")
DYNALITE_VERSION = "4.0.0"

MOTO_SERVER = FOLDER / "bin" / "moto_server"
DYNALITE = FOLDER / "node_modules" / ".bin" / "dynalite"


class PeerMissing(Exception):
    """A peer cannot be installed here; the text says what it lacks."""


def install_moto() -> None:
    if MOTO_SERVER.exists():
        return
    print("installing moto_server ...")
    subprocess.run([sys.executable, "-m", "venv", FOLDER], check=True)
    pip = [str(FOLDER / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    if subprocess.run([*pip, "-r", PINS], check=False).returncode:
        raise PeerMissing("moto_server: pip could not install it")


def install_dynalite() -> None:
    if DYNALITE.exists():
        return
    npm = shutil.which("npm")
    if npm is None:
        raise PeerMissing("dynalite: it needs Node.js with npm")
    print("installing dynalite ...")
    FOLDER.mkdir(exist_ok=True)
    install = [
        npm,
        "install",
        "--silent",
        "--no-save",
        "--no-package-lock",
        "--prefix",
        str(FOLDER),
    ]
    if subprocess.run([*install, f"dynalite@{DYNALITE_VERSION}"], check=False).returncode:
        raise PeerMissing("dynalite: npm could not install it")
