"""The REST side of the protocol: DRF views under `/api/ws/`, which a host may subclass."""
