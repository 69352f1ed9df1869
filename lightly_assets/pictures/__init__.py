"""Pictures of predictions: drawn frames, contact sheets, histograms."""
