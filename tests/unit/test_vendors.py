"""The table of vendors, and what the program makes of a row and of a gateway that has none."""

from __future__ import annotations

import pytest

from orchestrator.bootstrap import vendor_of
from orchestrator.clock import SystemClock
from orchestrator.config import InstanceSettings
from orchestrator.config.gateways import GATEWAYS
from orchestrator.config.models import OPTIONS
from orchestrator.domain.errors import ConfigurationError
from orchestrator.domain.outcomes import USED
from orchestrator.gateways.base import Endpoint
from orchestrator.gateways.vendors import VENDORS
from orchestrator.simulator.vendor_events import SUBSCRIBED


def configured(gateway: str) -> InstanceSettings:
    return InstanceSettings.model_validate(
        {
            "name": "b",
            "role": "backup",
            "gateway": gateway,
            "base_url": "https://a.example",
            "instance_id": "1",
        }
    )


def endpoint(instance: InstanceSettings) -> Endpoint:
    return Endpoint(
        instance.base_url, instance.instance_id, "rejoin:tok_9f8e7d6c5b4a", instance.options,
        connect_timeout=10.0, timeout=30.0, join_timeout=100.0, clock=SystemClock(),
    )  # fmt: skip


def test_every_row_can_be_configured_and_every_table_of_options_has_a_row() -> None:
    assert VENDORS.keys() <= GATEWAYS.keys()
    assert OPTIONS.keys() <= VENDORS.keys()


@pytest.mark.parametrize("name", VENDORS)
def test_the_events_that_a_gateway_is_asked_for_are_all_used(name: str) -> None:
    vendor = VENDORS[name]
    told = {asked: event for event, asked in SUBSCRIBED.items()}  # where they are asked for by other names
    bodies = [{"event": told.get(one, one), "payload": {"status": "WORKING"}} for one in vendor.events]
    kinds = [vendor.read_event(body) for body in bodies]
    assert {heard.kind for heard in kinds if heard is not None} <= USED
    assert None not in kinds


@pytest.mark.parametrize("name", VENDORS)
async def test_a_row_opens_its_gateway_with_the_options_that_are_configured(name: str) -> None:
    made = endpoint(configured(name))
    for open_one in (lambda: VENDORS[name].open(made), *(form.gateway for form in VENDORS[name].forms(made))):
        await open_one().close()
    assert made.token not in repr(made)
    assert made.base_url not in repr(made)


def test_a_gateway_without_a_row_is_refused_by_name() -> None:
    for gateway in GATEWAYS.keys() - VENDORS.keys():
        with pytest.raises(
            ConfigurationError, match=f"b: this rejoin cannot speak to {gateway} yet"
        ) as refused:
            vendor_of(configured(gateway))
        assert ", ".join(VENDORS) in refused.value.message
