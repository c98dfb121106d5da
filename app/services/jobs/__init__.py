"""Work in the background: persisted, resumed, cancellable."""
