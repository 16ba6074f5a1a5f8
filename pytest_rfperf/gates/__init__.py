"""The expectations, one file a marker: its arguments, what it needs measured, how it judges, what it says."""
