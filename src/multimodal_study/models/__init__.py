"""Networks: torch and Lightning only, one file per paradigm."""
