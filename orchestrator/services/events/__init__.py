"""What gateways tell by webhook, and what follows from it."""
