"""Raw model outputs to detections, one file a decoder; devices import these files on Python 3.8."""
