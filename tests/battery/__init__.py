"""The reliability battery: real servers, killed, starved and stormed; what it finds is told in docs/reliability.md."""
