"""What is measured: metrics, their definitions, and intervals that respect clusters."""
