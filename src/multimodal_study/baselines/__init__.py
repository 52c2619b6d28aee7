"""Simple rows that every paradigm must beat: scikit-learn, no learned representation."""
