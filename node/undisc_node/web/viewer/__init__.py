"""What a doctor or patient with a link sees: a light page, the full viewer, reports, a copy."""
