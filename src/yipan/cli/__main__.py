"""`python -m yipan.cli` is `yipan`."""

from yipan.cli import main

main()
