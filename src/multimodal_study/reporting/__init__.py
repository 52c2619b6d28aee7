"""What people read: figures and self-contained pages, made from the tables of a study."""
