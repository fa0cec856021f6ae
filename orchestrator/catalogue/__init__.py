"""Groups and codes: import, export, one resolver of names."""
