"""What the product does, between its faces and its rules: a package a subject."""
