"""The one read model of where everything stands."""
