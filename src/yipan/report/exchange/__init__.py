"""Files at the door and out of it: one folder a format; what rows mean is in `kinds/`."""
