"""The HTTP ingress: pushed notifications in, the outcome of their delivery out."""
