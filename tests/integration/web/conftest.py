"""The living province, for the board's tests."""

from front import front as front
from living import door as door
from living import living as living
from living import morning as morning
