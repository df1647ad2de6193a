"""Work on strangers' bytes in processes with limits (`services.ports.LimitedWork`).

What a library of other people does with the inside of an image, such as decoding pixel data, can
take any time and memory, or end the process. So it never happens in the node:

    node (`pool`)  →  nursery, which has everything loaded  →  one worker for each piece of work

The nursery never reads a stranger's byte. A worker is forked from it in a few milliseconds, gives
up every right that its work does not need (`confine`), does one piece of work and ends: what goes
wrong in it cannot reach the next image, which may be of another patient. `pool` bounds real time
and the size of the answer, and kills what is over.

This keeps accidents and bombs away from the node. It is no wall against somebody who runs code of
his own inside a worker: ADR 0017 says what that could still reach.
"""
