"""What a release is made with: locks with hashes, reproducible packages, the audit, one version."""
