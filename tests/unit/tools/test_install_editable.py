"""The editable wheel is one that pip accepts and that names the entry point."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

from tools.install_editable import ROOT, version_of_workspace, write_wheel


def test_the_wheel_records_every_file_with_its_hash(tmp_path: Path) -> None:
    wheel = write_wheel(ROOT, tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        record_name = next(name for name in names if name.endswith(".dist-info/RECORD"))
        rows = [line.split(",") for line in archive.read(record_name).decode().splitlines()]
        assert sorted(row[0] for row in rows) == sorted(names), "RECORD must list each file once"
        for name, digest, size in rows:
            if name == record_name:
                continue
            content = archive.read(name)
            expected = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            assert digest == f"sha256={expected.decode()}", f"wrong hash for {name}"
            assert int(size) == len(content), f"wrong size for {name}"


def test_the_wheel_names_the_sources_the_version_and_the_command(tmp_path: Path) -> None:
    version = version_of_workspace(ROOT)
    with zipfile.ZipFile(write_wheel(ROOT, tmp_path)) as archive:
        info = f"merkat-{version}.dist-info"
        assert archive.read("_merkat_editable.pth").decode() == f"{ROOT / 'src'}\n"
        assert f"Version: {version}\n" in archive.read(f"{info}/METADATA").decode()
        entry_points = archive.read(f"{info}/entry_points.txt").decode()
        assert "merkat = merkat.cli:main\n" in entry_points
