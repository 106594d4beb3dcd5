"""Integer Black-76, the volatility surface and its shocks (pricing.md): pure functions of ints."""
