"""A WhatsApp network of our own, with a gateway's HTTP face: for tests, the demo, benchmarks and docs.

It stands alone and knows nothing of what it tests. The parts, from the inside out:

model, refusals, simtime, network, strangers   who is in which group, when, and what WhatsApp answers
truth                                   the log of what really reached the gateway, what it did and told
faults                                  troubles as data, and reading them
http_server, face, acts, group_bodies, error_wordings   what the faces of all vendors share
wawp, waha, faces                       the faces
webhook_bodies, courier                 what the gateway tells by itself
deeds, control                          what admins and WhatsApp do, by timeline or by remote control
checked_tables, scenario, generate, sheets   networks from TOML, and the organisation's own list of them
server                                  serving it all
"""
