from __future__ import annotations

import pytest

from engine.safety.provenance import Marker


@pytest.fixture(scope="session")
def marker(tmp_path_factory: pytest.TempPathFactory) -> Marker:
    return Marker.open(None, None, tmp_path_factory.mktemp("certificate"))
