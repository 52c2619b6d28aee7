"""What representations hold and predictions rest on, from saved outputs; free of Kedro."""
