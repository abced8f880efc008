"""Runs studies in processes that a test may kill. Started once, it forks a fresh process for each run it is told of.

Reads lines ``{"storage": ..., "seed": ..., "budget": ..., "mark": ..., "slow": seconds}`` and answers each with
``["pid", pid]``. At the next line it waits for that process and says ``["ended", status]``; until then the process
id stays taken, so that a signal never meets a stranger.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

import evaluations

import lehr
from lehr.study import TrialFinished

SPACE = lehr.Space(
    [
        lehr.Categorical("backend", ["eager", "compile", "runtime"]),
        lehr.Int("batch", 1, 64, log=True),
        lehr.Float("rate", 1e-4, 1e-1, log=True),
        lehr.Ordinal("tile", [16, 32, 48]),
        lehr.Int("threads", 1, 8, when=lehr.param("backend").isin(["eager", "runtime"])),
    ]
)


def evaluate(config, slow):
    time.sleep(slow)
    return evaluations.modelled(config)


def run(storage, seed, budget, mark=None, slow=0.0, **options):
    """The study that every session of these tests works on."""
    return lehr.run(
        lambda config: evaluate(config, slow),
        SPACE,
        objective="score",
        constraints=["latency_ms <= 20", "memory_mb <= 300"],
        budget=budget,
        seed=seed,
        storage=storage,
        environment={"LEHR_STUDY_TEST": mark} if mark else None,
        version="the same whatever it waits",
        **options,
    )


def _session(order):
    def tell(event):
        if isinstance(event, TrialFinished) and order.get("loud"):
            print(json.dumps(["finished", event.trial.number]), flush=True)

    try:
        run(
            order["storage"],
            order["seed"],
            order["budget"],
            order.get("mark"),
            order.get("slow", 0.0),
            on_event=tell,
        )
    except KeyboardInterrupt as interrupt:
        study = interrupt.study
        print(
            json.dumps(["interrupted", len(study.trials), study.stopped, len(study.trials) > 0]), flush=True
        )
        return 130
    except lehr.StorageError as error:
        print(json.dumps(["error", str(error)]), flush=True)
        return 3
    return 0


def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.setpgid(0, 0)
            status = 99
            try:
                status = _session(json.loads(line))
            finally:
                sys.stdout.flush()
                os._exit(status)
        print(json.dumps(["pid", pid]), flush=True)
        sys.stdin.readline()
        _, status = os.waitpid(pid, 0)
        print(json.dumps(["ended", os.waitstatus_to_exitcode(status)]), flush=True)


if __name__ == "__main__":
    main()
