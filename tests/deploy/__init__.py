"""What `deploy` holds, checked as those who use it would use it."""
