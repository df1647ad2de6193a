"""What a node keeps: catalog, keyring and pack files. The only user of SQLite and of the disk."""
