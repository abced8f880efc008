"""What the names of dimensions tell: which is the batch, which are time steps, tokens or pixels and never items."""

from __future__ import annotations

import re

_BATCH = {"n", "b", "bs", "bsz", "nbatch"}
_NO_ITEMS = re.compile(
    r"seq|len(gth)?s?$|^len|time|token|step|frame|height|width|audio|context|position|pixel|point|past|"
    r"mem(ory)?_?len|chunk"
)
_NO_ITEMS_WHOLE = {"h", "w", "t", "l", "s", "d"}
_AUDIO = re.compile(r"audio|wave|signal|speech|pcm|sample", re.IGNORECASE)
_TEXT = re.compile(r"token|text|word|char|phone|^(input_?)?ids$", re.IGNORECASE)
_PIXELS = {"h", "w"}


def is_batch(symbol: object) -> bool:
    """Whether a dimension is called the batch."""
    return isinstance(symbol, str) and ("batch" in symbol.lower() or symbol.lower() in _BATCH)


def is_no_items(symbol: object) -> bool:
    """Whether a dimension is called something that counts no items, such as time steps, tokens or pixels."""
    if not isinstance(symbol, str) or is_batch(symbol):
        return False
    name = symbol.lower()
    return name in _NO_ITEMS_WHOLE or _NO_ITEMS.search(name) is not None


def is_pixels(symbol: object) -> bool:
    """Whether a dimension is called the height or the width of an image."""
    return isinstance(symbol, str) and (
        symbol.lower() in _PIXELS or bool(re.search("height|width", symbol.lower()))
    )


def is_text(name: str) -> bool:
    """Whether an input is called a text, or the ids of its tokens."""
    return _TEXT.search(name) is not None


def is_audio(*names: object) -> bool:
    """Whether an input or a dimension is called a sound."""
    return any(isinstance(name, str) and _AUDIO.search(name) is not None for name in names)
