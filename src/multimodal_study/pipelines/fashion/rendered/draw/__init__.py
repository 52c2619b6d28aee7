"""Drawing of garments: body, cloth, cut, surroundings. NumPy and Pillow alone."""
