"""What `retrieve` is made of: claims, tokens, passages, the comparison, and an optional model."""
