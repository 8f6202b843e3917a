"""The front line of the small province reports here too."""

from front import front as front
