"""What the sensor and status see without doing anything."""
