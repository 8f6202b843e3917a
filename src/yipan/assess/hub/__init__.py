"""Model output as forecast hubs read it: one row a quantile, CSV and Parquet."""
