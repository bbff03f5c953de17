"""Tide tables from harmonic constituents."""

from tidewise.harbours import HARBOURS, Harbour
from tidewise.turning import Turn, turning_points

__all__ = ["HARBOURS", "Harbour", "Turn", "turning_points"]
