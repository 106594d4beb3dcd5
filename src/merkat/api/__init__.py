"""Machinery of the dialect: JSON-RPC 2.0 in the manner of Deribit's API, over HTTP and WebSocket.

Nothing here knows a market: methods and channels are registered by `merkat.api.public`, the gateway
and the venue. Start at `registry` (what they write) and `server.build_app` (what serves it).
"""
