"""Fashion: pictures of garments and what is said about them."""
