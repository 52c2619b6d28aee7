"""Two fitted cells: a label that the picture alone carries, and one that only both tell."""

from __future__ import annotations

import pytest
from asked_cells import asked, pairs


@pytest.fixture(scope="session")
def of_image(tmp_path_factory):
    return asked(pairs(lambda image, text: image), tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="session")
def of_both(tmp_path_factory):
    return asked(pairs(lambda image, text: image ^ text), tmp_path_factory.mktemp("both"))
