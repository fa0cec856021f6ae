"""How gateways are spoken to: the port, HTTP, what WhatsApp itself answers, and one folder a vendor."""
