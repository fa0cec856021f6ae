"""Wawp (https://api.wawp.net), and whatever speaks as it does."""

from orchestrator.gateways.wawp.adapter import WawpGateway
from orchestrator.gateways.wawp.routes import WawpRoutes, WawpTimeouts

__all__ = ["WawpGateway", "WawpRoutes", "WawpTimeouts"]
