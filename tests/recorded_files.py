"""Recordings of other origin, small and made up: a trial log, a Kernel Tuner cache, T4 results and their T1."""

from __future__ import annotations

import json


def write(path, document):
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def log(*trials):
    return "".join(json.dumps(trial) + "\n" for trial in trials)


def trial(number, config, objective=None, *, outcome="ok", feasible=True, **keywords):
    return {
        "study": "edge",
        "number": number,
        "config": config,
        "outcome": outcome,
        "feasible": feasible,
        "objective": objective,
        "metrics": {} if objective is None else {"latency": 10.0 * objective},
        "evidence": {} if outcome == "ok" else {"signature": "boom"},
        "seconds": 1.0 + number,
    } | keywords


LOG = [
    trial(0, {"backend": "a", "batch": 1}, 1.0),
    trial(1, {"backend": "a", "batch": 4}, 3.0, feasible=False),
    trial(2, {"backend": "b", "batch": 1, "threads": 2}, 2.0),
    trial(3, {"backend": "b", "batch": 8, "threads": 1}, outcome="crashed", feasible=False),
    trial(4, {"backend": "b", "batch": 1, "threads": 2}, 2.5),
]


CACHE = {
    "device_name": "made up",
    "kernel_name": "vector_add",
    "problem_size": 1000,
    "tune_params_keys": ["block_size_x", "layout"],
    "tune_params": {"block_size_x": [32, 64, 128], "layout": ["row", "column"]},
    "objective": "time",
    "cache": {
        "32,row": {
            "block_size_x": 32,
            "layout": "row",
            "time": 4.0,
            "times": [4.0, 4.5],
            "GFLOP/s": 10.0,
            "compile_time": 500.0,
            "verification_time": 0,
            "benchmark_time": 100.0,
            "strategy_time": 7.0,
            "framework_time": 7.0,
            "timestamp": "2024-01-01 00:00:00+00:00",
        },
        "64,row": {"block_size_x": 64, "layout": "row", "time": 2.0, "GFLOP/s": 30.0, "compile_time": 400.0},
        "64,column": {
            "block_size_x": 64,
            "layout": "column",
            "time": "CompilationFailedConfig",
            "compile_time": 90.0,
        },
        "128,row": {"block_size_x": 128, "layout": "row", "time": "InvalidConfig"},
        "128,column": {"block_size_x": 128, "layout": "column", "__error__": "RuntimeFailedConfig"},
    },
}


def result(config, invalidity="correct", value=1.0, **times):
    return {
        "timestamp": "2024-01-01",
        "configuration": config,
        "times": times
        or {"compilation": 250.0, "benchmark": 50.0, "framework": 9.0, "search_algorithm": 9.0},
        "invalidity": invalidity,
        "correctness": 1,
        "measurements": [{"name": "time", "value": value, "unit": "ms"}],
        "objectives": ["time"],
    }


T4 = {
    "schema_version": "1.0.0",
    "results": [
        result({"bx": 1, "vec": True}),
        result({"bx": 2, "vec": True}, value=0.5, compilation_time=100.0, runtimes=[1.0, 2.0]),
        result({"bx": 1, "vec": False}, "compile", "CompilationFailedConfig"),
        result({"bx": 2, "vec": False}, "timeout"),
        result({"bx": 4, "vec": False}, "correctness"),
    ],
}
T1 = {
    "ConfigurationSpace": {
        "TuningParameters": [
            {"Name": "vec", "Type": "bool", "Values": "[True, False]"},
            {"Name": "bx", "Type": "int", "Values": "[1, 2, 4]"},
        ],
        "Conditions": [{"Parameters": ["bx"], "Expression": "open('/nowhere', 'w') or bx > 0"}],
    },
    "KernelSpecification": {},
}


def configs(problem):
    return sorted(json.dumps(config, sort_keys=True) for config in problem.space.enumerate())


def recorded(*configs):
    return sorted(json.dumps(config, sort_keys=True) for config in configs)


def changed(document, *keys, value):
    copy = json.loads(json.dumps(document))
    inner = copy
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    return copy
