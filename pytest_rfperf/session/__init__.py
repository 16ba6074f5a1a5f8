"""One test session: opens what is configured, measures once, lets gates judge, keeps the facts."""
