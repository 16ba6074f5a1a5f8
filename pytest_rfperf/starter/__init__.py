"""What `rfperf init` does: look around, choose, measure, set limits, render three files, write all or none."""
