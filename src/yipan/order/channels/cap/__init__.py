"""A feed of released orders in the Common Alerting Protocol 1.2."""
