"""What a person may do, while a run works in another process and while none does.

Each act is one short transaction behind the instance's lock and leaves a line in the journal. A fence is not
needed: the person is not the loop. The loop notices the new line and looks again.
"""
