"""The nouns of the field as frozen values, one file a noun; importing them imports no numpy."""
