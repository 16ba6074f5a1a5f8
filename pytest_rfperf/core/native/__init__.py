"""The compiled tier: plain C and the Python that calls it. Optional; the numpy tier gives the same bits."""
