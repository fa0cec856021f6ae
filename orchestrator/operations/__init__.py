"""What a person does: pause, resume, retry, skip, leave, stop, order; backup, keys, retention."""
