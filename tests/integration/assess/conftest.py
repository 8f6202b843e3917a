"""The front line of the small province reports here."""

from front import front as front
