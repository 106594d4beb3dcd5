"""Installs merkat into the running virtual environment so that the sources are used in place.

Writes the small wheel that PEP 660 describes (a path file, metadata, entry points) and lets pip
install it. The build back end, maturin, would do the same but compile the extension a second time
with settings of its own.
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def version_of_workspace(root: Path) -> str:
    """Return the one version of the project: workspace.package.version in Cargo.toml."""
    manifest = tomllib.loads((root / "Cargo.toml").read_text(encoding="utf-8"))
    version = manifest["workspace"]["package"]["version"]
    if not isinstance(version, str):
        raise TypeError("Cargo.toml: workspace.package.version must be a string")
    return version


def wheel_files(root: Path) -> dict[str, str]:
    """Return the files of the editable wheel, path to text, without the RECORD."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, version = project["name"], version_of_workspace(root)
    info = f"{name}-{version}.dist-info"
    metadata = [
        "Metadata-Version: 2.4",
        f"Name: {name}",
        f"Version: {version}",
        f"Summary: {project['description']}",
        f"Requires-Python: {project['requires-python']}",
        *(f"Requires-Dist: {dependency}" for dependency in project["dependencies"]),
    ]
    scripts = [f"{script} = {target}" for script, target in sorted(project["scripts"].items())]
    wheel = [
        "Wheel-Version: 1.0",
        "Generator: merkat",
        "Root-Is-Purelib: true",
        "Tag: py3-none-any",
    ]
    return {
        f"_{name}_editable.pth": f"{root / 'src'}\n",
        f"{info}/METADATA": "\n".join(metadata) + "\n",
        f"{info}/WHEEL": "\n".join(wheel) + "\n",
        f"{info}/entry_points.txt": "\n".join(["[console_scripts]", *scripts]) + "\n",
    }


def record_line(path: str, text: str) -> str:
    """Return a file's RECORD line: path, SHA-256 in unpadded URL-safe base64, bytes."""
    content = text.encode()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(content)}"


def write_wheel(root: Path, folder: Path) -> Path:
    """Write the editable wheel of the project at `root` into `folder`; returns its path."""
    files = wheel_files(root)
    info = next(path for path in files if path.endswith("/WHEEL")).removesuffix("/WHEEL")
    record = "\n".join([*(record_line(*item) for item in files.items()), f"{info}/RECORD,,"]) + "\n"
    wheel = folder / f"{info.removesuffix('.dist-info')}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(path, text)
    return wheel


def main() -> int:
    """Install into the environment of the running interpreter; returns the exit status."""
    if sys.prefix == sys.base_prefix:
        print(
            "install_editable: run it with the Python of a virtual environment (.venv/bin/python)",
            file=sys.stderr,
        )
        return 1
    with tempfile.TemporaryDirectory() as folder:
        wheel = write_wheel(ROOT, Path(folder))
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        options = ["--no-deps", "--no-index", "--force-reinstall"]
        return subprocess.run([*pip, *options, str(wheel)], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
