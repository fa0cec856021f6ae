"""Rejoin: brings a backup WhatsApp account back into every group of your own."""

__version__ = "0.1.0"
