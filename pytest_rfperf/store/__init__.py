"""What outlives a session: baselines and artefacts, written whole or not at all."""
