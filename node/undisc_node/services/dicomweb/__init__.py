"""DICOMweb without HTTP (PS3.18 §10): search, retrieve, store; who may see what is an argument."""
