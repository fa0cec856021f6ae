"""Evolution API 2 (https://github.com/EvolutionAPI/evolution-api)."""

from orchestrator.gateways.base import Vendor
from orchestrator.gateways.evolution.adapter import SECRET_HEADER, SUBSCRIBED, open_gateway
from orchestrator.gateways.evolution.event_reading import read_event, split

VENDOR = Vendor(open_gateway, read_event, events=SUBSCRIBED, signature_headers=(SECRET_HEADER,), split=split)
