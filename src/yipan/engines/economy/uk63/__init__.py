"""A published optimum as a yardstick: 63 sectors of the United Kingdom, three periods, one hospital limit.

The problem is DAEDALUS's (D. J. Haw, G. Forchini, P. Doohan et al. 2022, Nature Computational Science
2:223): open sectors so that six months of value added are greatest, while hospital occupancy stays
below a limit and the epidemic has stopped growing at the end. `docs/explanation/two-hands.md` derives
the equations.
"""
