"""ADX (IHE QRPH, aggregate data exchange): the same values as XML, both ways."""
