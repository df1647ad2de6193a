"""Reaches people: e-mail through the practice's mail server, text messages, sheets of paper.

The only user of aiosmtplib and reportlab. What a message says is in `texts`, one file for each
language.
"""
