"""Lets `python -m undisc_admin` work as `undisc` does."""

from undisc_admin.cli import main

if __name__ == "__main__":
    main(prog_name="undisc")
