"""What happens to one delivery: decode, claim, publish or spool, commit, respond."""
