"""Reconciles stored memberships with the gateway where no recovery works."""
