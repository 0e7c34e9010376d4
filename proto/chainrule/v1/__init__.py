"""Messages and services of the wire, generated from the .proto files beside them by `make proto`."""
