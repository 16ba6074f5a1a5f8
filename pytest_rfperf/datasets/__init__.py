"""Annotation formats, one file a format; images are read one at a time when a measurement asks for them."""
