"""Seconds of a whole `lehr tune` on the bundled zoo, of another checkout and of this one, in turns. Prints JSON lines.

    python bench/tune_before_after.py --before ../lehr-b84bd3d [--seeds 3] [--budget 15]

`--before` is a checkout that was built (b84bd3d is the last before the probe). The search is random, so that both
see the same configurations whatever they measure; the default limits of the command apply. Who goes first changes
with every seed. `command_s` is the wall clock of the command, `trials_s` the sum of its trials, `agrees` the trials
of both that were judged alike (met the limits, missed them, or failed); the last row has the ratio of the sums.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]


def tune(checkout: Path, seed: int, budget: int) -> dict[str, Any]:
    """One run of the command in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "lehr", "tune", "--budget", str(budget), "--method", "random"]
        command += ["--seed", str(seed), "--json"]
        started = time.perf_counter()
        done = subprocess.run(
            command,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(checkout / "python")},
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - started
        if done.returncode not in (0, 1):
            raise SystemExit(done.stderr)
    told = json.loads(done.stdout)
    return {
        "exit": done.returncode,
        "command_s": round(seconds, 2),
        "trials_s": round(sum(trial["seconds"] or 0.0 for trial in told["trials"]), 2),
        "best": told["best"] and told["best"].get("trial"),
        "confirmations": [one["held"] for one in told.get("confirmations", [])],
        "judged": [(trial["outcome"], trial["feasible"]) for trial in told["trials"]],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", type=Path, required=True, help="a built checkout to compare with")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", type=int, default=15)
    arguments = parser.parse_args()
    checkouts = {"before": arguments.before.resolve(), "now": HERE}
    sums = dict.fromkeys((f"{who}_{what}" for who in checkouts for what in ("command_s", "trials_s")), 0.0)
    for seed in range(1, arguments.seeds + 1):
        found = {}
        for who in sorted(checkouts, reverse=seed % 2 == 0):
            found[who] = tune(checkouts[who], seed, arguments.budget)
            for what in ("command_s", "trials_s"):
                sums[f"{who}_{what}"] += found[who][what]
        judged = [found[who].pop("judged") for who in checkouts]
        agrees = sum(one == two for one, two in zip(*judged, strict=True))
        for who in checkouts:
            row = {
                "benchmark": "tune",
                "who": who,
                "seed": seed,
                "budget": arguments.budget,
                "agrees": agrees,
            }
            print(json.dumps(row | found[who] | {"load": round(os.getloadavg()[0], 1)}), flush=True)
    ratios = {
        f"{what}_ratio": round(sums[f"now_{what}"] / sums[f"before_{what}"], 3)
        for what in ("command_s", "trials_s")
    }
    rounded = {name: round(value, 2) for name, value in sums.items()}
    print(json.dumps({"benchmark": "tune", "who": "both", "seeds": arguments.seeds, **rounded, **ratios}))


if __name__ == "__main__":
    main()
