"""The sequencer: admission, journal, engine, and answers with receipts after durability."""
