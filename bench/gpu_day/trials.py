"""Trials that break a GPU: they end, its memory comes back, and the next one finds it as it was."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from day import DRY, Checks, row

from lehr.supervise import Supervisor

checks = Checks("trials")
SHOWN = ("device_memory", "quarantined", "lost", "isolation", "isolation_note", "error", "reason")


def hangs() -> None:
    import torch

    torch.cuda._sleep(1 << 62)
    torch.cuda.synchronize()


def faults() -> float:
    import torch

    y = torch.arange(4, device="cuda")[torch.tensor([10**6], device="cuda")]
    torch.cuda.synchronize()
    return float(y)


def hogs() -> int:
    import torch

    return len([torch.empty(1 << 30, device="cuda") for _ in range(200)])


def fine(mb: int = 2000) -> Any:
    import os

    import torch

    x = torch.ones(mb * 250_000, device="cuda")
    return float(x[:10].sum()), os.getpid()


def own_memory() -> str:
    import torch

    from lehr.probe import measure

    x, stream = torch.ones(1 << 26, device="cuda"), torch.cuda.Stream()
    with torch.cuda.stream(stream):
        report = measure(x.sum, device="cuda", stream=stream, max_samples=100, max_seconds=2)
    return str(report.memory)


def address_space() -> Any:
    import torch

    def read() -> dict[str, int]:
        lines = Path("/proc/self/status").read_text().splitlines()
        pairs = (line.split() for line in lines if line.startswith(("VmData", "VmSize", "VmRSS")))
        return {name: int(kilobytes) // 1024 for name, kilobytes, _ in pairs}

    before = read()
    torch.ones(1, device="cuda")
    return before, read()


def call_user_code() -> Any:
    import user_code  # type: ignore[import-not-found]

    return user_code.trial()


ASKS = "import torch\nDEVICE = 'cuda' if torch.cuda.is_available() else 'cpu'\n"
STARTS = "import torch\nDEVICE = 'cuda'\nAT_IMPORT = torch.ones(1, device='cuda')\n"
TRIAL = "def trial():\n    return DEVICE, float(torch.ones(3, device=DEVICE).sum())\n"
STRANGER = (
    "import time, torch; time.sleep({0}); x = torch.ones(1 << 28, device='cuda'); torch.cuda.synchronize()\n"
    "time.sleep(20)"
)


def run(sup: Supervisor, name: str, fn: Callable[..., Any], *outcomes: str, **options: Any) -> Any:
    begun = time.perf_counter()
    ending = sup.run(fn, device="cuda", **{"timeout_s": 60, **options})
    seconds = time.perf_counter() - begun
    evidence = {key: str(value)[:200] for key, value in ending.evidence.items() if key in SHOWN}
    right = ending.outcome in (outcomes or ("ok",))
    told = {"outcome": ending.outcome, "seconds": seconds, "result": str(ending.result)[:300]}
    checks.that(name, right, **told, evidence=evidence, quarantined=sup.quarantined)
    return ending


def breaking() -> None:
    with Supervisor() as sup:
        run(sup, "fine", fine)
        run(sup, "hang is killed", hangs, "timeout", timeout_s=3)
        checks.that("not quarantined after a kill", not sup.quarantined, why=sup.quarantined)
        run(sup, "fine after a hang", fine)
        run(sup, "fault", faults, "crashed")
        run(sup, "fine after a fault", fine)
        run(sup, "out of device memory", hogs, "oom", "crashed")
        run(sup, "fine after that", fine)
        run(sup, "own memory, forked", own_memory)
        run(sup, "address space of CUDA", address_space)
        for mb in (2000, 4000, 8000):
            run(sup, f"CUDA under memory_limit_mb={mb}", fine, memory_limit_mb=mb)


def modules_that_start_cuda() -> None:
    """The helper imports what the first trial imported; what it forks must still be able to use CUDA."""
    folder = Path(os.environ["WORK"])  # on the import path
    for name, text in (("asks for", ASKS), ("starts", STARTS)):
        (folder / "user_code.py").write_text(text + TRIAL)
        with Supervisor() as sup:
            for turn in (1, 2, 3):
                ending = run(sup, f"a module that {name} CUDA when imported, trial {turn}", call_user_code)
                checks.that("on the GPU", ending.result == ["cuda", 3.0], result=ending.result)
        with Supervisor() as sup:
            run(sup, f"a preloaded module that {name} CUDA", call_user_code, preload=("user_code",))


def in_a_namespace() -> None:
    try:
        with Supervisor(namespace=True) as sup:
            run(sup, "own memory in a PID namespace", own_memory)
    except Exception as error:  # not allowed everywhere
        row("namespace", error=str(error)[:300])


def a_stranger() -> None:
    wait_s, trial_s = (0.5, 3) if DRY else (4, 9)
    stranger = subprocess.Popen([sys.executable, "-c", STRANGER.format(wait_s)])
    try:
        with Supervisor() as sup:
            run(sup, "a stranger takes memory meanwhile", lambda: time.sleep(trial_s))
            checks.that("that is no quarantine", not sup.quarantined, why=sup.quarantined)
            run(sup, "and the next trial runs", fine)
    finally:
        stranger.kill()
        stranger.wait()


if __name__ == "__main__":
    for check in (breaking, modules_that_start_cuda, in_a_namespace, a_stranger):
        checks.attempt(check)
    checks.end()
