"""A board over HTTP, as what connections are made to."""

from __future__ import annotations

from board.conftest import board as board, clock as clock, server as server
