"""What is really happening: reproduction numbers, reporting delays, nowcasts and risk tiers."""
