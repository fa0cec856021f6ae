"""Groups and codes: import, export, and the one resolver of names."""
