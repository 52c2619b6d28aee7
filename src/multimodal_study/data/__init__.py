"""From features to batches, and from predictions back to tables; splits."""
