"""What would be measured, and how likely it decides: before anything is."""
