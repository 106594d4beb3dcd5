"""The venue machine (docs/spec/rules.md section 3): commands in, events and micro-ops out."""
