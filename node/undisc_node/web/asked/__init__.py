"""The one decision that a device was handed over for: on a tablet, or on the patient's phone."""
