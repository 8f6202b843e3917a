"""What it costs: value added under partial opening, and where it arises."""
