//! JetStream and nothing else: topology, group commit, journals, workers, dead letters.
