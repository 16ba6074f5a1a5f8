"""Looking at the bundled detectors: as alike as they should be, and in a picture."""
