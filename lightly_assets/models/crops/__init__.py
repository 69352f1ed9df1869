"""Parts of images that a second model looks at: around the boxes of another task."""
