"""Playing recorded and generated order flow through the whole path of the venue."""
