"""The benchmark of faults and kills, small: nothing is lost, doubled, changed, or asked again once it is committed."""

from __future__ import annotations

import pytest

from benchmarks.bench_faults import compare, problems_of


@pytest.mark.slow
def test_every_page_survives_faults_and_kills(tmp_path):
    calm, stormy = compare(tmp_path / "faults", pages=60, kills=2, seed=1)
    assert problems_of(calm, stormy, pages=60, kills=2) == []
