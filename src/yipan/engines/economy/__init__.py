"""What it costs: value added under partial opening."""
