from __future__ import annotations

import optuna
import pytest


@pytest.fixture(autouse=True)
def quiet_optuna():
    """Optuna logs a line for every trial."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    yield
    optuna.logging.set_verbosity(verbosity)
