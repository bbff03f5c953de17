"""Errors that a user can do something about. Each message names the thing and the remedy.

`TokenmillError` is the root; the command line prints it without a traceback and exits with its code.
"""

from __future__ import annotations


class TokenmillError(Exception):
    """Root of the named errors."""

    exit_code = 1


class PlanError(TokenmillError, ValueError):
    """The plan cannot be run as written. Exit code 2."""

    exit_code = 2


class AlarmError(TokenmillError):
    """Deduplication would remove more than the plan allows. Exit code 3."""

    exit_code = 3


class LakeBusyError(TokenmillError):
    """Another run holds the lake. Exit code 4."""

    exit_code = 4


class AuditError(TokenmillError):
    """The ledger does not balance. Exit code 5."""

    exit_code = 5


class ChangedInputError(TokenmillError):
    """A file of a source differs from the snapshot that the lake was built from."""


class CorruptPartError(TokenmillError):
    """A committed file is missing, unreadable, or not what its manifest entry says."""
