"""The HTTP door: the same questions and answers as over the bus, for programs and pages that speak HTTP (README.md)."""
