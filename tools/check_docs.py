"""Refuse links between documents that lead nowhere.

Reads every Markdown file of the repository: a relative link must name a file that exists, and a
fragment a heading of it. Addresses on the web are not followed. Exits 1 and names each dead link.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
CODE_SPAN = re.compile(r"`[^`\n]*`")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)
ELSEWHERE = ("http:", "https:", "mailto:")


def documents(root: Path) -> list[Path]:
    folders = [root / "docs", root / "src", root / "tests"]
    pages = [page for folder in folders for page in folder.rglob("*.md")]
    return sorted(
        [*root.glob("*.md"), *(page for page in pages if "node_modules" not in page.parts)]
    )


def anchors(text: str) -> set[str]:
    """The fragments a reader can jump to: each heading in lower case, words joined by dashes."""
    found: set[str] = set()
    for heading in HEADING.findall(FENCE.sub("", text)):
        words = re.sub(r"[^\w\- ]", "", heading.lower())
        name = plain = words.replace(" ", "-")
        repeat = 0
        while name in found:
            repeat += 1
            name = f"{plain}-{repeat}"
        found.add(name)
    return found


def links(text: str) -> Iterator[str]:
    """The targets of a page's links, code left out."""
    yield from LINK.findall(CODE_SPAN.sub("", FENCE.sub("", text)))


def dead_links(page: Path, text: str) -> Iterator[str]:
    for link in links(text):
        if link.startswith(ELSEWHERE):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists():
            yield f"{link}: no such file"
        elif fragment and fragment not in anchors(target.read_text(encoding="utf-8")):
            yield f"{link}: no such heading"


def main() -> int:
    pages = documents(ROOT)
    faults = [
        f"{page.relative_to(ROOT)}: {fault}"
        for page in pages
        for fault in dead_links(page, page.read_text(encoding="utf-8"))
    ]
    print(*faults, sep="\n", end="\n" if faults else "")
    print(f"{len(pages)} documents, {len(faults)} dead links")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
