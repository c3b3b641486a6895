"""Networks: tensors in, tensors out. Imports `attention` and `layers` only."""
