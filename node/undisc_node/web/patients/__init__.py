"""What people open with a link, on the public listener: the page `/l`, and what its script asks.

The page is the same for every link: the secret stands behind `#`, and a browser sends nothing of
that. The script derives the link's key from it and signs what it asks.
"""
