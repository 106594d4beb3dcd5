"""The guide's code runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "listing.md"


def test_the_guide_s_code_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3, "the guide has lost or won a block of code"
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(GUIDE), "exec"), names)
    items = names["items"]
    assert isinstance(items, list)
    assert len(items) > 100, "a first listing has hundreds of contracts"
