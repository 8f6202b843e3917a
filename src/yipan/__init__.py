"""Yipan: one board for an emergency operations centre. Report, assess, plan, order."""

import os

__version__ = "0.1.0"

# The engines' matrices are small: BLAS threads would double their CPU time and save no wall time.
# Set before NumPy is loaded; whoever runs Yipan may set it otherwise.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
