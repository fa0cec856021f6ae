"""How a message leaves: webhooks, Apprise in a process of its own, dead man's switches."""
