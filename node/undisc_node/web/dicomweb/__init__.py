"""DICOMweb over HTTP (PS3.18): media types, multipart bodies, and routes to the services."""
