"""One measured figure beside its control, and the facts of the machine it was measured on."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """A rate with its control. Figures of different machines compare by `ratio`, not by rate."""

    name: str
    unit: str
    count: int
    seconds: float
    control: str
    control_count: int
    control_seconds: float
    goal: float | None = None

    @property
    def rate(self) -> float:
        """Return the figure, per second."""
        return self.count / self.seconds

    @property
    def control_rate(self) -> float:
        """Return the control's rate, per second."""
        return self.control_count / self.control_seconds

    def described(self) -> dict[str, object]:
        """Return the figure as JSON-able values."""
        return {
            "unit": self.unit,
            "rate": round(self.rate, 1),
            "count": self.count,
            "seconds": round(self.seconds, 6),
            "goal": self.goal,
            "control": self.control,
            "control_rate": round(self.control_rate, 1),
            "ratio": round(self.rate / self.control_rate, 6),
        }


def timed(work: Callable[[], object]) -> float:
    """Return the wall seconds of one run."""
    start_s = time.perf_counter()
    work()
    return time.perf_counter() - start_s


def machine_facts() -> dict[str, object]:
    """Return what a figure depends on: processor, cores, load, versions."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.partition(":")[2].strip()
            for line in cpuinfo.read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ]
        processor = names[0] if names else processor
    return {
        "processor": processor,
        "cores": len(os.sched_getaffinity(0)),
        "load_1m": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
    }
