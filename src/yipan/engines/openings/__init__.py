"""Which setting opens where and when, in the four levels people can order: optimum, prices, rounding."""
