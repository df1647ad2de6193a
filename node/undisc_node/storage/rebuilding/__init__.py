"""Makes a lost or damaged catalog again from packs and keyring, and takes in stray packs."""
