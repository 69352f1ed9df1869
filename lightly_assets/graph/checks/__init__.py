"""Asset checks: what they are, what they say, and on what that is founded."""
