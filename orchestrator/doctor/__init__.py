"""The examination of everything that a recovery stands on."""
