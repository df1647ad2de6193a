"""What a person with a link sees in a browser: images, reports, a copy; and the record of it."""
