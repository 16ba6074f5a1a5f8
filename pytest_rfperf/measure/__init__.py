"""Measuring: warm-up, closed loop, accuracy pass, what the host shows meanwhile. Knows no concrete target."""
