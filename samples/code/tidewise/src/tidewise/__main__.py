"""The command: prints a tide table."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from tidewise.harbours import HARBOURS
from tidewise.turning import turning_points


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tidewise", description="print high and low water")
    parser.add_argument("--harbour", choices=sorted(HARBOURS), default="fennick")
    parser.add_argument("--date", required=True, help="the first day, as YYYY-MM-DD")
    parser.add_argument("--days", type=float, default=1)
    arguments = parser.parse_args(argv)
    start = datetime.strptime(arguments.date, "%Y-%m-%d").replace(tzinfo=UTC)
    harbour = HARBOURS[arguments.harbour]
    print(f"{harbour.name}, times in UTC, heights in metres")
    for turn in turning_points(harbour, start, arguments.days):
        kind = "high" if turn.high else "low "
        print(f"{turn.when:%a %d %b %H:%M}  {kind}  {turn.height:5.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
