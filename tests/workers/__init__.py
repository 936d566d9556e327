"""What makes several worker processes one bridge."""
