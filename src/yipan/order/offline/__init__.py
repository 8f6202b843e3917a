"""What a phone keeps of its inbox for a day without a signal: a signed bundle."""
