"""Risk rows and margin (risk.md): pure functions of plain data, without venue state."""
