"""A study's name from everything that fixes its trials, so that two different commands never share a study."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any


def digest(parts: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits of JSON-safe data, the same whatever the order of its keys."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def default_name(subject: str, mark: str) -> str:
    """``resnet50-1f2e3d4c5b6a``: the subject in plain characters, and the digest."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", subject).strip("-.") or "model"
    return f"{plain[:40]}-{mark}"


def choose(base: str, exists: Callable[[str], bool], *, fresh: bool) -> str:
    """The newest study of this name (``base``, ``base-2``...), or with ``fresh`` the first name not in use."""
    name, following = base, 2
    while exists(name):
        candidate = f"{base}-{following}"
        if not fresh and not exists(candidate):
            return name
        name, following = candidate, following + 1
    return name
