"""go-whatsapp-web-multidevice, called GOWA (https://github.com/aldinokemal/go-whatsapp-web-multidevice)."""

from orchestrator.gateways.base import Vendor
from orchestrator.gateways.gowa.adapter import open_gateway
from orchestrator.gateways.gowa.event_reading import read_event

VENDOR = Vendor(
    open_gateway,
    read_event,
    events=("group.joined", "group.participants"),
    signature_headers=("X-Hub-Signature-256",),
)
