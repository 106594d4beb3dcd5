"""The venue as a service: link, sequencing, chain and its own JSON-RPC in one process."""
