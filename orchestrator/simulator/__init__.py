"""A WhatsApp network of our own, with a gateway's HTTP face: for tests, the demo, benchmarks and docs.

It stands alone and knows nothing of what it tests. The parts, from the inside out:

model, iq, doors, agenda, network, strangers   who is in which group, and what WhatsApp answers
truth                               the log of what really reached the gateway, and what it did
faults                              troubles as data
http, calls, acts, bodies, dialect, wawp   Wawp's face
events, webhooks, envelopes, courier, posting, deliveries   what the gateway tells by itself, and its log
deeds, control                      what admins and WhatsApp do, by timeline or by remote control
scenario, generate, sheets          networks from TOML, and the organisation's own list of them
server                              serving it all
"""
