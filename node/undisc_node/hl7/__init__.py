"""HL7 version 2 over MLLP: the only user of python-hl7.

| module | what |
|---|---|
| `framing` | bytes of a connection become messages (MLLP release 1), with bounds; no I/O |
| `listener` | the port on the LAN: addresses, deadlines, quotas |
| `message` | bytes of a message become text fields: character set, separators, escapes |
| `reading` | fields become orders, reports and patient changes |
| `answering` | acknowledgements |
| `door` | one message from its bytes to its acknowledgement |
"""
