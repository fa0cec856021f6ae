"""Memberships kept true where no recovery works."""
