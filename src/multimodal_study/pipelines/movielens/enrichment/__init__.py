"""What is known about films beyond their ratings, each fact with the source that it came from."""
