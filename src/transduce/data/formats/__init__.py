"""Files to records: one file per format."""
