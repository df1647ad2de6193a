"""Every check there is, in the order in which findings are shown."""

from __future__ import annotations

from typing import Final

from undisc_node.checks import (
    backup,
    configured,
    databases,
    disk,
    identity,
    outgoing,
    peers,
    ports,
    runtime,
    service,
)
from undisc_node.checks.finding import Check

CHECKS: Final = (
    Check("runtime", "python", "the version of Python", runtime.python),
    Check(
        "runtime",
        "dependencies",
        "installed libraries against the oldest that may be used",
        runtime.dependencies,
    ),
    Check(
        "runtime",
        "switches",
        "switches that change how Python or aiohttp run (`python -O`, `AIOHTTP_NO_EXTENSIONS`)",
        runtime.switches,
    ),
    Check("runtime", "sqlite", "SQLite's version, and what it was built with", runtime.sqlite),
    Check("runtime", "open files", "how many files a process may have open", runtime.open_files),
    Check("settings", "settings", "every setting", configured.settings),
    Check("settings", "value files", "who can read files with a setting", configured.value_files),
    Check("settings", "addresses", "the public addresses that are set", configured.addresses),
    Check("settings", "senders", "whether anybody may send images", configured.senders),
    Check(
        "settings",
        "watch folders",
        "whether watch folders can be used, and what could not be stored",
        configured.watch_folders,
    ),
    Check(
        "settings", "wide senders", "senders that let large networks in", configured.wide_senders
    ),
    Check(
        "settings",
        "internal listener",
        "whether the internal listener is on an address of the internet",
        configured.internal_listener,
    ),
    Check("settings", "reserve", "disk kept for revocations and the log", configured.reserve),
    Check(
        "settings",
        "retention",
        "how long studies stay that nobody has a permission for",
        configured.retention,
    ),
    Check("identity", "home", "whether a node lives there", identity.home),
    Check("identity", "identity", "the node key against the identity record", identity.identity),
    Check("identity", "recovery kit", "whether the kit was read back, and when", identity.kit),
    Check("identity", "demo", "whether the node is for demonstrations", identity.demo),
    Check("keys", "key files", "who can read the keys", identity.key_files),
    Check(
        "keys",
        "study keys",
        "whether the key-encryption key opens keys of the keyring",
        identity.study_keys,
    ),
    Check("disk", "directories", "whether the node's folders can be written", disk.directories),
    Check("disk", "owners", "who owns the home, and who else may write", disk.owners),
    Check(
        "disk",
        "one file system",
        "whether packs and staging are on one file system",
        disk.one_file_system,
    ),
    Check("disk", "file system", "its kind: network, memory, container layer", disk.file_system),
    Check("disk", "disk", "free space against the reserve", disk.room),
    Check("disk", "inodes", "whether more files can be made", disk.inodes),
    Check("disk", "sync speed", "how long a small durable write takes", disk.sync_speed),
    Check("databases", "catalog", "whether the catalog can be read", databases.catalog),
    Check("databases", "keyring", "whether the keyring can be read", databases.keyring),
    Check(
        "databases",
        "migrations",
        "whether the databases are those of this version",
        databases.migrations,
    ),
    Check("databases", "old copies", "copies from upgrades and rebuilds", databases.upgrade_copies),
    Check(
        "databases",
        "write-ahead logs",
        "the size of SQLite's write-ahead logs",
        databases.write_ahead_logs,
    ),
    Check("databases", "log", "the log's head and its newest lines", databases.log_head),
    Check("databases", "clock", "the clock against the log and the release", databases.clock),
    Check("databases", "restored", "permissions suspended by a restore", identity.restored),
    Check("databases", "strays", "packs that no study and no erasure names", databases.strays),
    Check("databases", "waiting", "studies in which something waits", databases.waiting),
    Check("databases", "receipts", "receipts that could not be sent", databases.receipts),
    Check("ports", "running", "whether the node runs", ports.running),
    Check(
        "ports", "public port", "whether it answers, or is free", ports.public_port, network=True
    ),
    Check(
        "ports",
        "internal port",
        "whether the node says it is ready, or the port is free",
        ports.internal_port,
        network=True,
    ),
    Check(
        "ports",
        "dicom port",
        "whether it answers C-ECHO, or is free",
        ports.dicom_port,
        network=True,
    ),
    Check("ports", "ipv6", "public names with IPv6 addresses", ports.ipv6, network=True),
    Check(
        "ports",
        "public address",
        "whether each public address leads to this node",
        ports.public_address,
        network=True,
    ),
    Check(
        "ports",
        "certificate",
        "the TLS certificates of the public addresses",
        ports.certificate,
        network=True,
    ),
    Check("peers", "peers", "whether trusted peers are there", peers.reachable, network=True),
    Check("peers", "peer clocks", "the clock against trusted peers'", peers.clocks, network=True),
    Check(
        "messages",
        "email",
        "whether the mail server answers, is encrypted, and takes the From address",
        outgoing.email,
        network=True,
    ),
    Check(
        "messages",
        "text messages",
        "whether the gateway for text messages answers",
        outgoing.text_messages,
        network=True,
    ),
    Check("backup", "backup", "the age of the last backup", backup.age),
    Check("backup", "backup place", "whether backups are on another disk", backup.place),
    Check("service", "memory", "how much memory the running node has", service.memory),
    Check("service", "user", "whether anything runs as root", service.user),
    Check("service", "service manager", "what starts the node again", service.manager),
)
"""Every check there is."""
