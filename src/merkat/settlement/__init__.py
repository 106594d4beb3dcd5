"""From the venue's micro-ops to batches on the chain, and back from the chain to the state."""
