"""The doctor: looks at everything that a recovery stands on, online, and changes nothing."""
