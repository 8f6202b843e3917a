"""What can be wrong with another system's export as a whole."""

from __future__ import annotations

from yipan.kernel.errors import Malformed


class ListMalformed(Malformed):
    """A line list of another system could not be read as what it was said to be."""

    code = "R167"
