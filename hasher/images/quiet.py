"""Keeps libraries from talking over our own messages."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

LIBRARIES = ("datasets", "huggingface_hub", "transformers")


@contextmanager
def errors_only() -> Iterator[None]:
    """Hide what libraries log below an error, such as every retry of a request; their loggers are left as they were."""
    loggers = [logging.getLogger(name) for name in LIBRARIES]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
